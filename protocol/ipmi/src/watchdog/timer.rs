//! What a watchdog timer is for, what it does, and its state. [IPMI2 §27.6, §27.7]

use crate::malformed::Malformed;
use crate::wire::Reader;

/// Which use the timer is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerUse {
    /// Firmware resilience booting.
    BiosFrb2,
    /// Power-on self test.
    BiosPost,
    /// Loading of the operating system.
    OsLoad,
    /// The running system: the use of an agent.
    SmsOs,
    /// Something of the maker's.
    Oem,
}

impl TimerUse {
    /// The three bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::BiosFrb2 => 1,
            Self::BiosPost => 2,
            Self::OsLoad => 3,
            Self::SmsOs => 4,
            Self::Oem => 5,
        }
    }

    /// The use in the three low bits of `byte`; `None` for 0, 6 and 7.
    pub const fn from_bits(byte: u8) -> Option<Self> {
        match byte & 7 {
            1 => Some(Self::BiosFrb2),
            2 => Some(Self::BiosPost),
            3 => Some(Self::OsLoad),
            4 => Some(Self::SmsOs),
            5 => Some(Self::Oem),
            _ => None,
        }
    }

    /// Its bit among the expiry flags.
    pub const fn flag(self) -> u8 {
        1 << self.bits()
    }
}

/// What the BMC does when the timer has run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeoutAction {
    /// Nothing.
    None,
    /// Hard reset.
    Reset,
    /// Power off.
    Off,
    /// Power off, then on.
    Cycle,
}

impl TimeoutAction {
    /// The three bits on the wire.
    pub const fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Reset => 1,
            Self::Off => 2,
            Self::Cycle => 3,
        }
    }

    /// The action in the three low bits of `byte`; `None` above 3.
    pub const fn from_bits(byte: u8) -> Option<Self> {
        match byte & 7 {
            0 => Some(Self::None),
            1 => Some(Self::Reset),
            2 => Some(Self::Off),
            3 => Some(Self::Cycle),
            _ => None,
        }
    }
}

/// What the BMC does `seconds` before the timer has run out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreTimeout {
    /// 0 none, 1 system management interrupt, 2 non-maskable interrupt, 3 messaging interrupt.
    pub interrupt: u8,
    /// How long before; 0 together with the time-out.
    pub seconds: u8,
}

/// State of the timer, as Get Watchdog Timer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerState {
    /// The use last set; `None` before it was ever set.
    pub timer_use: Option<TimerUse>,
    /// The timer counts down.
    pub running: bool,
    /// No event is logged when it runs out.
    pub dont_log: bool,
    /// What happens when it runs out; `None` for an action that the specification does not list.
    pub action: Option<TimeoutAction>,
    /// What happens before.
    pub pre_timeout: PreTimeout,
    /// In which uses it has run out since the flags were cleared; see [`TimerUse::flag`].
    pub expired: u8,
    /// The value it starts from, in 100 ms.
    pub initial: u16,
    /// The value it is at, in 100 ms.
    pub present: u16,
}

impl TimerState {
    /// The reply's data, behind the completion code.
    pub fn encode(&self) -> Vec<u8> {
        let timer_use = self.timer_use.map_or(0, TimerUse::bits);
        let action = self.action.map_or(0, TimeoutAction::bits);
        let mut out = vec![
            timer_use | u8::from(self.running) << 6 | u8::from(self.dont_log) << 7,
            action | (self.pre_timeout.interrupt & 7) << 4,
            self.pre_timeout.seconds,
            self.expired,
        ];
        out.extend(self.initial.to_le_bytes());
        out.extend(self.present.to_le_bytes());
        out
    }

    /// Parses the reply's data.
    ///
    /// # Errors
    /// [`Malformed`] unless it has 8 bytes; `ipmi_sim` sends 6.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("watchdog state", data);
        let [bits, action, seconds, expired] = reader.array()?;
        let (initial, present) = (reader.u16()?, reader.u16()?);
        reader.end()?;
        Ok(Self {
            timer_use: TimerUse::from_bits(bits),
            running: bits & 0x40 != 0,
            dont_log: bits & 0x80 != 0,
            action: TimeoutAction::from_bits(action),
            pre_timeout: PreTimeout { interrupt: action >> 4 & 7, seconds },
            expired,
            initial,
            present,
        })
    }
}
