; Any two majorities of the configured voters share one: what lets three voters stand for any number.
; needs: first-needs-majority second-needs-majority

(define-fun first-needs-majority () Bool true)
(define-fun second-needs-majority () Bool true)

; How many voters are in the first set only, in the second only, in both, in neither.
(declare-const only-first Int)
(declare-const only-second Int)
(declare-const both Int)
(declare-const neither Int)
(assert (and (<= 0 only-first) (<= 0 only-second) (<= 0 both) (<= 0 neither)))
(define-fun voters () Int (+ only-first only-second both neither))
(assert (< 0 voters))

; palisade_protocol::quorum::majority
(define-fun majority ((configured Int)) Int (+ (div configured 2) 1))
(define-fun least ((kept Bool)) Int (ite kept (majority voters) (div voters 2)))
(assert (<= (least first-needs-majority) (+ only-first both)))
(assert (<= (least second-needs-majority) (+ only-second both)))

; The contrary.
(assert (= both 0))
