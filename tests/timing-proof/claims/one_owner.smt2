; Whoever finds the promises of a majority ended finds the node dead: one owner. Three voters, any two of
; them a majority. The lease was counted from 0.
; needs: lease-needs-majority takeover-needs-majority condemned-are-granted-nothing
; needs: takeover-waits-for-promise

(define-fun lease-needs-majority () Bool true)
(define-fun takeover-needs-majority () Bool true)
(define-fun condemned-are-granted-nothing () Bool true)
(define-fun takeover-waits-for-promise () Bool true)

(define-fun one ((is Bool)) Int (ite is 1 0))

; Voter 1: a renewal of at least 0 was granted; it agreed to the takeover, its last grant before that.
(declare-const leases-1 Bool)
(declare-const granted-1 Real)
(declare-const agrees-1 Bool)
(declare-const last-1 Real)
(declare-const agreed-1 Real)
(declare-const waited-1 Real)
(assert (=> leases-1 (<= 0.0 granted-1)))
(assert (=> (and leases-1 agrees-1)
  (or (<= granted-1 last-1) (and (not condemned-are-granted-nothing) (<= agreed-1 granted-1)))))
(assert (<= last-1 agreed-1))
(assert (shows (- agreed-1 last-1) waited-1))
(assert (=> (and agrees-1 takeover-waits-for-promise) (<= voter-promises waited-1)))

; Voter 2: a renewal of at least 0 was granted; it agreed to the takeover, its last grant before that.
(declare-const leases-2 Bool)
(declare-const granted-2 Real)
(declare-const agrees-2 Bool)
(declare-const last-2 Real)
(declare-const agreed-2 Real)
(declare-const waited-2 Real)
(assert (=> leases-2 (<= 0.0 granted-2)))
(assert (=> (and leases-2 agrees-2)
  (or (<= granted-2 last-2) (and (not condemned-are-granted-nothing) (<= agreed-2 granted-2)))))
(assert (<= last-2 agreed-2))
(assert (shows (- agreed-2 last-2) waited-2))
(assert (=> (and agrees-2 takeover-waits-for-promise) (<= voter-promises waited-2)))

; Voter 3: a renewal of at least 0 was granted; it agreed to the takeover, its last grant before that.
(declare-const leases-3 Bool)
(declare-const granted-3 Real)
(declare-const agrees-3 Bool)
(declare-const last-3 Real)
(declare-const agreed-3 Real)
(declare-const waited-3 Real)
(assert (=> leases-3 (<= 0.0 granted-3)))
(assert (=> (and leases-3 agrees-3)
  (or (<= granted-3 last-3) (and (not condemned-are-granted-nothing) (<= agreed-3 granted-3)))))
(assert (<= last-3 agreed-3))
(assert (shows (- agreed-3 last-3) waited-3))
(assert (=> (and agrees-3 takeover-waits-for-promise) (<= voter-promises waited-3)))

(define-fun leasing () Int (+ (one leases-1) (one leases-2) (one leases-3)))
(define-fun agreeing () Int (+ (one agrees-1) (one agrees-2) (one agrees-3)))
(assert (<= (ite lease-needs-majority 2 1) leasing))
(assert (<= (ite takeover-needs-majority 2 1) agreeing))

; The node: its last pet, in time, and its end.
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

; The contrary: whoever takes over has every agreement, and the node is not dead.
(declare-const taken Real)
(assert (and (=> agrees-1 (<= agreed-1 taken))
             (=> agrees-2 (<= agreed-2 taken))
             (=> agrees-3 (<= agreed-3 taken))))
(assert (< taken dead))
