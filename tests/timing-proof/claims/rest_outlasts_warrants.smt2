; When power comes back, every Off under an older warrant has been obeyed or never will be: one that is
; obeyed no later after leaving than by the slack of the rule. The older question was sent at 0; a voter
; that had agreed to it was restarted, forgot whom it held the node back for, and agreed to a second
; shooter.
; needs: rest-loses-drift rest-needs-warrant configuration-is-checked

(define-fun configuration-is-checked () Bool true)
(assert (=> configuration-is-checked (<= RestOutlastsWarrant-need RestOutlastsWarrant-have)))

; The older warrant.
(declare-const left Real)
(declare-const left-shown Real)
(declare-const flight Real)
(assert (<= 0.0 left))
(assert (shows left left-shown))
(assert (< left-shown warrant-life))
(assert (<= 0.0 flight))
(assert (or (= flight 0.0) (<= flight (- RestOutlastsWarrant-have RestOutlastsWarrant-need))))

; The second shooter: agreed to, proves off, rests, and sends On.
(declare-const agreed Real)
(declare-const off Real)
(declare-const on Real)
(declare-const rested Real)
(assert (<= 0.0 agreed off on))
(assert (shows (- on off) rested))
(assert (<= on-rest rested))

; The contrary.
(assert (<= on (+ left flight)))
