; What is taken for granted about machines, and nothing else.

; Of a real span every clock shows between (1 - rho) and (1 + rho) times its length; where it is within
; that may change at any time. Instants of two clocks are never compared.
(define-fun shows ((span Real) (shown Real)) Bool
  (and (<= (* (- 1.0 rho) span) shown) (<= shown (* (+ 1.0 rho) span))))

; One message arrives no earlier than it was sent. Names of instants below are real time, and each claim
; begins at 0.
