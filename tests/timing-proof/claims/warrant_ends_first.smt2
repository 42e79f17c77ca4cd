; A warrant can be used only while every voter that agreed to it holds the node back for its holder.
; The question was sent at 0.
; needs: warrant-loses-voter-drift warrant-loses-own-drift warrant-counts-from-question

(define-fun warrant-counts-from-question () Bool true)

; The voter: bound itself, and held until its clock showed the life of a warrant.
(declare-const bound Real)
(declare-const held-until Real)
(declare-const held-shown Real)
(assert (<= 0.0 bound held-until))
(assert (shows (- held-until bound) held-shown))
(assert (<= voter-holds held-shown))

; The holder: has the answer, and uses the warrant.
(declare-const answered Real)
(declare-const used Real)
(declare-const used-shown Real)
(define-fun counts-from () Real (ite warrant-counts-from-question 0.0 answered))
(assert (<= bound answered used))
(assert (shows (- used counts-from) used-shown))
(assert (< used-shown warrant-life))

; The contrary.
(assert (<= held-until used))
