; With an accepted configuration, two frames lost in a row are not silence, to a voter whose clock shows
; the span as it is. The rule has no term for drift: what a clock adds must come out of the slack.
; needs: patience-needs-third-beat patience-needs-rtt voter-clock-is-right

(define-fun voter-clock-is-right () Bool true)

(assert (<= SuspicionPatient-need SuspicionPatient-have))

; A frame and the third after it arrive; none takes longer than a round trip.
(declare-const first-flight Real)
(declare-const last-flight Real)
(declare-const silence Real)
(declare-const silence-shown Real)
(assert (<= 0.0 first-flight rtt))
(assert (<= 0.0 last-flight rtt))
(assert (= silence (- (+ (* 3.0 beat) last-flight) first-flight)))
(assert (shows silence silence-shown))
(assert (=> voter-clock-is-right (= silence silence-shown)))

; The contrary.
(assert (< suspect-after silence-shown))
