//! Application commands around a session, and the BMC's identity. [IPMI2 §20, §22]

mod auth_capabilities;
mod cipher_suites;
mod device_id;
mod guid;
mod session;

pub use auth_capabilities::{AuthCapabilities, GetAuthCapabilities};
pub use cipher_suites::{
    CIPHER_LIST_CHUNK, CipherSuiteChunk, GetCipherSuites, cipher_suite_ids, cipher_suite_records,
};
pub use device_id::{DeviceId, GET_DEVICE_ID, GetDeviceId, encode_device_id};
pub use guid::{GetSystemGuid, Guid, NoGuid};
pub use session::{CloseSession, INVALID_SESSION_ID, SetSessionPrivilege};
