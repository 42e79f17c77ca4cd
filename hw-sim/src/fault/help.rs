//! The table of faults, for people.

/// What `--help faults` prints.
pub const HELP: &str = "\
SPEC is KIND[=VALUE][@FROM..TO], times in ms from the start, TO may be left out (for ever)

what it does not do, or does late
  hang               answers nothing
  hang-after-rakp2   answers the first half of a login, then nothing
  hang-control       neither obeys nor answers an order to the chassis; answers all else
  ignore-off[=N]     acknowledges power off (the first N), does nothing
  ignore-on[=N]      acknowledges power on (the first N), does nothing
  lie-off            acknowledges power off, does nothing, then reports off
  slow-off=SECONDS   power goes off that much later than it should
  acpi-off[=SECONDS] power off is a short press of the button: the machine shuts down in that
                     time and is on meanwhile; without a time it does not listen
  starting-off=MS    reports off for that long after power came on (TransitioningToOn)
  flicker=N          the N-th reading of a machine that is on says off
  reboot=SECONDS     reboots at FROM: silent for that long, sessions and watchdog forgotten
  ac-loss=SECONDS    BMC and machine lose the mains at FROM for that long; then --restore decides

how it refuses
  no-slots           no free session for a new login (RMCP+ status 0x01)
  slow-slots=SECONDS a slot stays taken for that long after its session ended
  cc=CMD:CODE[:N]    completion code for a command, the first N times, e.g. cc=off:0xD5; the
                     command is not carried out
  refuse=STEP:CODE   RMCP+ status for a step of a login (open-reply, rakp2, rakp4)
  wrong-password     another password than the configured one is right, as after an expiry
  lock-out=N         after N logins that did not prove the password: every user is unknown
  only-suite=N       offers suite 3 or 17 alone
  guid=HEX           another GUID (32 hex digits), as after an exchange of boards

how its answers are odd
  tag-zero           message tag 0 in every answer of a login
  zero-errors        message tag 0 and console id 0 in every refusal of a login
  downgrade[=3]      answers \"no integrity, no encryption\", or suite 3, whatever was asked
  priv-echo-zero     privilege 0 in the answer to Open Session
  rakp3-replay       answers a second RAKP 3, and its session's keys are others from then on
  slow-rakp3=MS      works on RAKP 3 for that long; what comes for its session meanwhile is lost
  bad-checksums      wrong checksums inside signed packets
  skip-sequence      the session sequence number grows by two
  bare-replies       answers of a session end behind their completion code
  short=BYTES        every answer is cut to so many bytes

what the network does, WAY is in (to the BMC), out (from it) or left out (both)
  late-reply=MS      every answer comes that much later
  delay=[WAY:]MS     every datagram takes that much longer
  drop=[WAY:]PERCENT loses that share of datagrams, seeded
  dup=[WAY:]PERCENT  delivers that share twice
  reorder=[WAY:]PERCENT  holds that share back for 10 ms, so that others overtake it
  cut=WAY            nothing passes in this direction
  lose=MSG[:N]       loses this message, or its N-th alone

CMD is off, on, cycle, reset, status, watchdog, priv or close. MSG is one of these or, for its
answer, CMD-reply; open, open-reply, rakp1, rakp2, rakp3 or rakp4.

With --count, N:SPEC breaks BMC N alone (the first is 1). A --schedule holds one line for each
moment: [MS|FROM..TO] [node=N] SPEC...; # begins a comment.

example: --fault hang@5000..9000 --fault 3:cc=off:0xC0:2 --fault drop=in:5
";
