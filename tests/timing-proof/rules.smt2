; The inequalities and decisions of the code, as formulas. Every span is in nanoseconds.
;
; tests/tests/timing_proof.rs holds each of them to the code on random numbers, and proves the claims
; in claims/ from them. A term with a switch can be left out: flip its `true`.

; --- the configuration: palisade_protocol::timing::TimingRaw, and the slowest watchdog --------------

(declare-const beat Real)
(declare-const suspect-after Real)
(declare-const stall Real)          ; sigma
(declare-const rtt Real)
(declare-const margin Real)
(declare-const rho Real)            ; drift_ppm / 1000000
(declare-const promise Real)        ; P
(declare-const on-rest Real)
(declare-const warrant Real)
(declare-const fire Real)           ; W

(assert (and (<= 0.0 rho) (< rho 1.0)))
(assert (and (< 0.0 beat) (<= 0.0 suspect-after) (<= 0.0 stall) (<= 0.0 rtt) (<= 0.0 margin)))
(assert (and (<= 0.0 promise) (<= 0.0 on-rest) (<= 0.0 warrant) (<= 0.0 fire)))

; --- palisade_protocol::time::shortened_by_drift ----------------------------------------------------

; What rounding takes: less than a nanosecond, always from the holder.
(declare-const lease-rounding Real)
(declare-const warrant-rounding Real)
(declare-const rest-rounding Real)
(assert (and (<= 0.0 lease-rounding) (< lease-rounding 1.0)))
(assert (and (<= 0.0 warrant-rounding) (< warrant-rounding 1.0)))
(assert (and (<= 0.0 rest-rounding) (< rest-rounding 1.0)))

(define-fun term ((kept Bool) (value Real)) Real (ite kept value 0.0))

; Once for the clock of whoever promised, once for the holder's own.
(define-fun shortened ((theirs Bool) (own Bool) (span Real) (rounding Real)) Real
  (let ((left (- span (term theirs (* rho span)) (term own (* rho span)) rounding)))
    (ite (< left 0.0) 0.0 left)))

; --- the pet: palisade_agent_core::AgentCore::pet_decision -------------------------------------------

(define-fun pet-waits-for-fire () Bool true)
(define-fun pet-waits-for-stall () Bool true)
(define-fun lease-loses-voter-drift () Bool true)
(define-fun lease-loses-own-drift () Bool true)

; Timing::lease
(define-fun lease () Real
  (shortened lease-loses-voter-drift lease-loses-own-drift promise lease-rounding))

; `age`: how long ago, by the agent's clock, the majority-th newest granted renewal was sent.
(define-fun may-pet ((age Real)) Bool
  (<= (+ age (term pet-waits-for-fire fire) (term pet-waits-for-stall stall)) lease))

; --- the voter: its promise, Agreed::promise_over ------------------------------------------------------

; How long its promise lasts, by its clock, after its last grant.
(define-fun voter-promises () Real promise)

; --- the warrant: Timing::warrant_life ----------------------------------------------------------------

(define-fun warrant-loses-voter-drift () Bool true)
(define-fun warrant-loses-own-drift () Bool true)

; How long its holder may use it, counted from when the question was sent.
(define-fun warrant-life () Real
  (shortened warrant-loses-voter-drift warrant-loses-own-drift warrant warrant-rounding))

; How long a voter that has agreed holds the node back for the asker: Decline::OtherShooter.
(define-fun voter-holds () Real warrant)

; --- a voter that was restarted: FencerCore::new ------------------------------------------------------

(define-fun restart-outlasts-promise () Bool true)
(define-fun restart-outlasts-warrant () Bool true)

; How long it grants nothing.
(define-fun boot-hold () Real
  (let ((p (term restart-outlasts-promise promise)) (w (term restart-outlasts-warrant warrant)))
    (ite (< p w) w p)))

; The same with its memory lost; `fire` is the slowest watchdog.
(define-fun amnesia-hold () Real (+ boot-hold fire))

; --- the configuration check: Timing::inequalities, one pair for each Rule ------------------------------

(define-fun feasible-loses-drift () Bool true)
(define-fun feasible-needs-suspicion () Bool true)
(define-fun feasible-needs-rtt () Bool true)
(define-fun feasible-needs-fire () Bool true)
(define-fun feasible-needs-stall () Bool true)
(define-fun feasible-needs-margin () Bool true)
(define-fun LeaseFeasible-have () Real
  (shortened feasible-loses-drift feasible-loses-drift promise lease-rounding))
(define-fun LeaseFeasible-need () Real
  (+ (term feasible-needs-suspicion suspect-after)
     (term feasible-needs-rtt rtt)
     (term feasible-needs-fire fire)
     (term feasible-needs-stall stall)
     (term feasible-needs-margin margin)))

(define-fun patience-needs-third-beat () Bool true)
(define-fun patience-needs-rtt () Bool true)
(define-fun SuspicionPatient-have () Real suspect-after)
(define-fun SuspicionPatient-need () Real
  (+ (* 2.0 beat) (term patience-needs-third-beat beat) (term patience-needs-rtt rtt)))

(define-fun renewal-loses-drift () Bool true)
(define-fun renewal-needs-suspicion () Bool true)
(define-fun renewal-needs-rtt () Bool true)
(define-fun WarrantRenewable-have () Real
  (shortened renewal-loses-drift renewal-loses-drift warrant warrant-rounding))
(define-fun WarrantRenewable-need () Real
  (+ (term renewal-needs-suspicion suspect-after) (term renewal-needs-rtt (* 2.0 rtt))))

(define-fun rest-loses-drift () Bool true)
(define-fun rest-needs-warrant () Bool true)
(define-fun RestOutlastsWarrant-have () Real
  (shortened rest-loses-drift rest-loses-drift on-rest rest-rounding))
(define-fun RestOutlastsWarrant-need () Real (term rest-needs-warrant warrant))

; Two rules keep numbers practicable; no claim rests on them.
(define-fun StallSmall-have () Real fire)
(define-fun StallSmall-need () Real (* 4.0 stall))
(define-fun BeatKeepable-have () Real beat)
(define-fun BeatKeepable-need () Real 10000000.0)
