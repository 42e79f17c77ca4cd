; With an accepted configuration, a warrant is good as long as a majority answered a question that was
; sent less than suspicion and two round trips ago.
; needs: renewal-loses-drift renewal-needs-suspicion renewal-needs-rtt

(assert (<= WarrantRenewable-need WarrantRenewable-have))

(declare-const age Real)
(assert (<= 0.0 age))
(assert (< age (+ suspect-after (* 2.0 rtt))))

; The contrary: FencerCore::warrant refuses.
(assert (<= warrant-life age))
