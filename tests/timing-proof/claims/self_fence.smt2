; A node whose pet was permitted is dead before the promise of any voter that the permit rests on ends.
; The renewal was sent at 0; the permit rests on this and on later ones.
; needs: pet-waits-for-fire pet-waits-for-stall lease-loses-voter-drift lease-loses-own-drift
; needs: lease-counts-from-sending grants-date-from-receipt late-pets-end-the-node

(define-fun lease-counts-from-sending () Bool true)
(define-fun grants-date-from-receipt () Bool true)
(define-fun late-pets-end-the-node () Bool true)

; The voter: received, dated its grant, and by its clock the promise of it ended.
(declare-const received Real)
(declare-const granted Real)
(declare-const ended Real)
(declare-const ended-shown Real)
(assert (<= 0.0 received))
(assert (=> grants-date-from-receipt (<= received granted)))
(assert (<= granted ended))
(assert (shows (- ended granted) ended-shown))
(assert (<= voter-promises ended-shown))

; The agent: has the answer, tests, is permitted, and has petted.
(declare-const answered Real)
(declare-const tested Real)
(declare-const petted Real)
(declare-const age Real)
(declare-const took Real)
(define-fun counts-from () Real (ite lease-counts-from-sending 0.0 answered))
(assert (<= received answered tested petted))
(assert (shows (- tested counts-from) age))
(assert (may-pet age))
(assert (shows (- petted tested) took))
(assert (=> late-pets-end-the-node (<= took stall)))

; The watchdog: bites within W by whatever clock measured it. There is no later pet.
(declare-const dead Real)
(declare-const dead-shown Real)
(assert (<= petted dead))
(assert (shows (- dead petted) dead-shown))
(assert (<= dead-shown fire))

; The contrary.
(assert (< ended dead))
