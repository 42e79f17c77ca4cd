//! Which settings are searched, in which order.

use super::setting::{Menu, Mishap, Rate, Setting};

/// Clocks as far off against each other as the timing allows for: the shooter's and the witness's
/// fast, the target's slow, and the other ways round.
const RATES: [[Rate; 3]; 4] = [
    [Rate::Slow, Rate::Fast, Rate::Fast],
    [Rate::Fast, Rate::Slow, Rate::Slow],
    [Rate::Fast, Rate::Slow, Rate::Fast],
    [Rate::Slow, Rate::True, Rate::Fast],
];

/// The standard plan, and after it ever wider searches for whoever has the time.
pub fn plan() -> Vec<Setting> {
    let mut all = standard();
    all.extend(wider());
    all
}

/// What a minute is enough for.
fn standard() -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend([2, 3, 4].map(|lease| Setting::pair(lease, Menu::Frames, 1, 8 + 2 * lease)));
    all.extend([2, 3, 4].map(|lease| Setting::three(lease, Menu::Frames, 1, 8 + 2 * lease)));
    all.push(Setting::cold(2, Menu::Frames, 1, 14));
    all.extend([2, 4].map(|lease| Setting::powerless(lease, Menu::Frames, 1, 8 + lease)));
    all.extend(RATES.map(|rates| Setting::drifting(rates, Menu::Frames, 1, 12)));
    all.extend(Mishap::ALL.map(|mishap| Setting::pair(3, Menu::Frames, 1, 10).after(mishap)));
    all.push(Setting::pair(2, Menu::Machines, 2, 5));
    all
}

fn wider() -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend(Mishap::ALL.map(|mishap| Setting::pair(3, Menu::Machines, 2, 8).after(mishap)));
    for menu in [Menu::Machines, Menu::Frames] {
        all.extend([2, 3, 4].map(|lease| Setting::pair(lease, menu, 2, 8 + lease)));
        all.extend([2, 3, 4].map(|lease| Setting::three(lease, menu, 2, 8 + lease)));
        all.push(Setting::cold(2, menu, 2, 12));
        all.push(Setting::powerless(3, menu, 2, 10));
        all.extend(RATES.map(|rates| Setting::drifting(rates, menu, 2, 10)));
    }
    all.push(Setting::pair(2, Menu::Machines, 3, 8));
    all.push(Setting::three(2, Menu::Machines, 3, 8));
    all
}
