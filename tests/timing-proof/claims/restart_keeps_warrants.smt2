; A voter that was restarted admits no later life while a warrant that it had agreed to can be used: no
; wrong kill. The question was sent at 0.
; needs: restart-outlasts-warrant

(declare-const bound Real)
(declare-const started Real)
(declare-const admits Real)
(declare-const held Real)
(assert (<= 0.0 bound started admits))
(assert (shows (- admits started) held))
(assert (<= boot-hold held))

(declare-const used Real)
(declare-const used-shown Real)
(assert (<= 0.0 used))
(assert (shows used used-shown))
(assert (< used-shown warrant-life))

; The contrary.
(assert (<= admits used))
