//! Which settings are searched, in which order.

use super::mishap::Mishap;
use super::setting::{Menu, Rate, Setting};

/// Clocks as far off against each other as the timing allows for: the shooter's and the witness's
/// fast, the target's slow, and the other ways round.
const RATES: [[Rate; 3]; 4] = [
    [Rate::Slow, Rate::Fast, Rate::Fast],
    [Rate::Fast, Rate::Slow, Rate::Slow],
    [Rate::Fast, Rate::Slow, Rate::Fast],
    [Rate::Slow, Rate::True, Rate::Fast],
];

/// A slow shooter and a fast witness: what the one still holds, the other has let go.
const LAPSING: [Rate; 3] = [Rate::True, Rate::Slow, Rate::Fast];

/// The standard plan, and after it ever wider searches for whoever has the time.
pub fn plan() -> Vec<Setting> {
    let mut all = standard();
    all.extend(wider());
    all
}

/// What a minute is enough for.
pub(super) fn standard() -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend(one_fault_after_a_mishap());
    all.extend(one_fault());
    all.extend(two_faults());
    all.extend(any_loss());
    all
}

fn one_fault() -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend([2, 3, 4].map(|lease| Setting::pair(lease, Menu::Frames, 1, 8 + lease)));
    all.extend([2, 3, 4].map(|lease| Setting::three(lease, Menu::Frames, 1, 6 + lease)));
    all.push(Setting::cold(2, Menu::Frames, 1, 12));
    all.extend([2, 4].map(|lease| Setting::powerless(lease, Menu::Frames, 1, 6 + lease)));
    all.extend(RATES.map(|rates| Setting::drifting(rates, Menu::Frames, 1, 8)));
    all.push(Setting::stalling(Menu::Frames, 1, 8));
    all.push(Setting::serving(3, Menu::Frames, 1, 8));
    all.extend([true, false].map(|devices| Setting::virtual_pair(3, devices, 1, 12)));
    all.push(Setting::pair(4, Menu::Gentle, 1, 12));
    all.push(Setting::three(4, Menu::Gentle, 1, 10));
    all
}

fn one_fault_after_a_mishap() -> Vec<Setting> {
    let pair = |lease, ticks| Setting::pair(lease, Menu::Frames, 1, ticks);
    let powerless = |ticks| Setting::powerless(4, Menu::Frames, 1, ticks);
    let mut all = Vec::new();
    all.extend(Mishap::LOSSES.map(|mishap| pair(3, 9).after(mishap)));
    all.push(pair(2, 9).then(2, Mishap::Reset));
    all.extend([Mishap::Leaves, Mishap::LeavesBriefly].map(|mishap| pair(3, 9).after(mishap)));
    all.push(Setting::serving(3, Menu::Frames, 1, 8).after(Mishap::ServiceFails));
    all.push(pair(3, 8).after(Mishap::Ordered));
    all.push(pair(3, 8).after(Mishap::Severed));
    all.push(pair(3, 8).after(Mishap::CutOffBriefly).then(0, Mishap::SeveredFromWitness));
    let late = Setting::drifting(LAPSING, Menu::Frames, 1, 7);
    all.push(late.after(Mishap::CutOff).then(3, Mishap::WitnessCutOff));
    let unheard = pair(2, 7).after(Mishap::UnheardByWitness);
    all.push(unheard.then(0, Mishap::LeavesBriefly));
    all.push(pair(3, 8).after(Mishap::LeavesBriefly).then(4, Mishap::Ordered));
    let reborn = pair(2, 9).after(Mishap::LostToWitness).then(0, Mishap::Reset);
    all.push(reborn.then(6, Mishap::OrderedByWitness));
    let replaced = pair(2, 9).after(Mishap::LostToWitness).then(0, Mishap::Reset);
    all.push(replaced.then(1, Mishap::FencerRestarts).then(6, Mishap::CutOff));
    let reset = powerless(13).replaying(10).then(2, Mishap::Reset);
    all.push(reset.then(2, Mishap::FencerRestarts).then(9, Mishap::CutOff));
    all.push(Setting::apart(3, Menu::Frames, 1, 9).after(Mishap::CutOff));
    all.push(powerless(9).after(Mishap::Unplugged).then(2, Mishap::Confirmed));
    all.push(pair(2, 9).after(Mishap::BmcSlow).then(0, Mishap::CutOffBriefly));
    let bmcs = [Mishap::BmcIgnores, Mishap::BmcSlow, Mishap::PowerReturns];
    all.extend(bmcs.map(|bmc| pair(4, 9).after(bmc).then(0, Mishap::CutOff)));
    let restarts = [Mishap::FencerRestarts, Mishap::FencerForgets, Mishap::FencersRestart];
    all.extend(restarts.map(|restart| pair(4, 9).after(Mishap::CutOff).then(3, restart)));
    all.extend([true, false].map(|devices| {
        let pair = Setting::virtual_pair(3, devices, 1, 9);
        Setting { menu: Menu::Frames, ..pair }.after(Mishap::Paused)
    }));
    all
}

fn two_faults() -> Vec<Setting> {
    vec![
        Setting::pair(3, Menu::Few, 2, 8),
        Setting::pair(2, Menu::FewFrames, 2, 4).after(Mishap::CutOff),
    ]
}

fn any_loss() -> Vec<Setting> {
    let quiet = |setting: fn(u32, Menu, u8, u32) -> Setting, lease, ticks| {
        setting(lease, Menu::Machines, 0, ticks)
    };
    let just_cut_off = || quiet(Setting::powerless, 4, 12).after(Mishap::CutOffJust);
    vec![
        quiet(Setting::pair, 2, 8).after(Mishap::CutOff).lossy(3),
        quiet(Setting::pair, 2, 8).after(Mishap::Unplugged).lossy(2),
        quiet(Setting::pair, 2, 8).lossy(1),
        quiet(Setting::three, 3, 9).after(Mishap::CutOff).lossy(2),
        just_cut_off().lossy(2),
        half_bound(Menu::Machines, 0).lossy(0),
        half_bound(Menu::Few, 1).lossy(0),
    ]
}

/// An order that may reach some voters and not others; then its shooter restarts.
fn half_bound(menu: Menu, faults: u8) -> Setting {
    let ordered = Setting::powerless(3, menu, faults, 9).after(Mishap::Ordered);
    ordered.then(1, Mishap::FencerRestarts)
}

fn wider() -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend(Mishap::LOSSES.map(|mishap| Setting::pair(3, Menu::Machines, 2, 8).after(mishap)));
    for menu in [Menu::Few, Menu::FewFrames, Menu::Machines, Menu::Frames] {
        all.extend([2, 3, 4].map(|lease| Setting::pair(lease, menu, 2, 8 + lease)));
        all.extend([2, 3, 4].map(|lease| Setting::three(lease, menu, 2, 8 + lease)));
        all.push(Setting::cold(2, menu, 2, 12));
        all.push(Setting::powerless(3, menu, 2, 10));
        all.extend(RATES.map(|rates| Setting::drifting(rates, menu, 2, 10)));
    }
    for lease in [2, 4] {
        let lost = |mishap| Setting::pair(lease, Menu::Machines, 2, 8).after(mishap);
        all.extend(Mishap::LOSSES.map(lost));
    }
    all.push(Setting::pair(2, Menu::Few, 3, 8));
    all.push(Setting::three(2, Menu::Few, 3, 8));
    all
}
