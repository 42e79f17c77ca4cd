//! Get Device ID: request and parser are `ipmi-rs-core`'s, the encoder is ours. [IPMI2 §20.1]

pub use ipmi_rs_core::app::{DeviceId, GetDeviceId};

/// The command byte of Get Device ID, network function application.
pub const GET_DEVICE_ID: u8 = 0x01;

/// The reply's data, behind the completion code. Two digits of the minor firmware revision are
/// kept.
pub fn encode_device_id(id: &DeviceId) -> Vec<u8> {
    let minor = id.minor_fw_revision % 100;
    let mut out = vec![
        id.device_id,
        id.device_revision & 0x0F | u8::from(id.provides_device_sdrs) << 7,
        id.major_fw_revision & 0x7F | u8::from(!id.device_available) << 7,
        ((minor / 10) << 4) | (minor % 10),
        id.major_version & 0x0F | id.minor_version << 4,
        abilities(id),
    ];
    let [low, middle, high, _] = id.manufacturer_id.to_le_bytes();
    out.extend([low, middle, high]);
    out.extend(id.product_id.to_le_bytes());
    out.extend(id.aux_revision.into_iter().flatten());
    out
}

fn abilities(id: &DeviceId) -> u8 {
    let bits = [
        id.sensor_device_support,
        id.sdr_repository_support,
        id.sel_device_support,
        id.fru_inventory_support,
        id.ipmb_event_receiver_support,
        id.ipmb_event_generator_support,
        id.bridge_support,
        id.chassis_support,
    ];
    (0_u8..).zip(bits).fold(0, |byte, (number, bit)| byte | u8::from(bit) << number)
}
