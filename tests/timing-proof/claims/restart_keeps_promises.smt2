; A voter that was restarted grants again only when every node that its forgotten grants let live is dead.
; The renewal was sent at 0.
; needs: restart-outlasts-promise

(declare-const granted Real)
(declare-const started Real)
(declare-const again Real)
(declare-const held Real)
(assert (<= 0.0 granted started again))
(assert (shows (- again started) held))
(assert (<= boot-hold held))

(declare-const tested Real)
(declare-const petted Real)
(declare-const dead Real)
(declare-const age Real)
(declare-const took Real)
(declare-const dead-shown Real)
(assert (<= 0.0 tested petted dead))
(assert (shows tested age))
(assert (may-pet age))
(assert (shows (- petted tested) took))
(assert (<= took stall))
(assert (shows (- dead petted) dead-shown))
(assert (<= dead-shown fire))

; The contrary.
(assert (< again dead))
