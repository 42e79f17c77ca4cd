//! Why a service's certificate is not believed, in words: which it was, and what to do. Judges nothing.

use palisade_host::date::utc_text;
use rustls::CertificateError;

use crate::power::error::PowerErrorKind;
use crate::power::trouble::Trouble;

/// `shown` is the SHA-256 of the certificate, as `certificate_sha256` takes it.
pub(super) fn disbelief(why: &CertificateError, shown: &str) -> Trouble {
    if let Some(problem) = out_of_its_time(why) {
        return untimely(&problem, shown);
    }
    let evidence = format!("its certificate is not believed: {why}; its sha-256 is {shown}");
    let remedy = "compare that with the certificate at the bmc itself, then set \
                  certificate_sha256, or name its authority in ca_file";
    Trouble::new(PowerErrorKind::Certificate, evidence, remedy).definite()
}

/// Not for good: a clock is set, or time passes.
fn untimely(problem: &str, shown: &str) -> Trouble {
    let evidence =
        format!("its certificate is not believed: it is {problem}; its sha-256 is {shown}");
    let remedy = "set this machine's clock if it is wrong, else give the bmc another certificate; one that is \
                  pinned by certificate_sha256 is believed at any time";
    Trouble::new(PowerErrorKind::Certificate, evidence, remedy)
}

fn out_of_its_time(why: &CertificateError) -> Option<String> {
    let (bound, valid, now) = if let CertificateError::ExpiredContext { time, not_after } = why {
        ("until", not_after, time)
    } else if let CertificateError::NotValidYetContext { time, not_before } = why {
        ("from", not_before, time)
    } else {
        return None;
    };
    let (valid, now) = (utc_text(valid.as_secs()), utc_text(now.as_secs()));
    Some(format!("valid {bound} {valid}, and this machine's clock says {now}"))
}
