; With an accepted configuration, a node whose newest granted renewal is no older than suspicion and a
; round trip may pet, and could for the margin longer.
; needs: feasible-loses-drift feasible-needs-suspicion feasible-needs-rtt feasible-needs-fire
; needs: feasible-needs-stall feasible-needs-margin

(assert (<= LeaseFeasible-need LeaseFeasible-have))

(declare-const age Real)
(assert (<= 0.0 age (+ suspect-after rtt)))

; The contrary.
(assert (not (may-pet (+ age margin))))
