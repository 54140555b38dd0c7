//! Reference scores: what the paper's random agent and its human tester reached.

/// Scores of one game, mean raw returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// The random agent, a new action every 6th frame (10 Hz).
    pub random: f64,
    /// The professional human games tester, about 20 episodes of at most 5 minutes.
    pub human: f64,
}

/// Where the numbers come from and for which protocol they hold.
pub const REFERENCE_SOURCE: &str =
    "Mnih et al. 2015, Extended Data Table 2 (30 games of at most 5 minutes; random agent at 10 Hz)";

impl Reference {
    /// The reference scores of the game with this name (as in ALE, e.g. `space_invaders`), if the paper has it.
    pub fn of(game: &str) -> Option<Reference> {
        let at = TABLE.binary_search_by_key(&game, |row| row.0).ok()?;
        let (_, random, human) = TABLE[at];
        Some(Reference { random, human })
    }

    /// `score` as a percentage of the way from the random agent (0) to the human (100).
    pub fn human_normalised(&self, score: f64) -> f64 {
        100.0 * (score - self.random) / (self.human - self.random)
    }
}

/// (game, random, human), in alphabetical order; see [`REFERENCE_SOURCE`].
#[rustfmt::skip]
const TABLE: [(&str, f64, f64); 49] = [
    ("alien", 227.8, 6875.0),
    ("amidar", 5.8, 1676.0),
    ("assault", 222.4, 1496.0),
    ("asterix", 210.0, 8503.0),
    ("asteroids", 719.1, 13_157.0),
    ("atlantis", 12_850.0, 29_028.0),
    ("bank_heist", 14.2, 734.4),
    ("battle_zone", 2360.0, 37_800.0),
    ("beam_rider", 363.9, 5775.0),
    ("bowling", 23.1, 154.8),
    ("boxing", 0.1, 4.3),
    ("breakout", 1.7, 31.8),
    ("centipede", 2091.0, 11_963.0),
    ("chopper_command", 811.0, 9882.0),
    ("crazy_climber", 10_781.0, 35_411.0),
    ("demon_attack", 152.1, 3401.0),
    ("double_dunk", -18.6, -15.5),
    ("enduro", 0.0, 309.6),
    ("fishing_derby", -91.7, 5.5),
    ("freeway", 0.0, 29.6),
    ("frostbite", 65.2, 4335.0),
    ("gopher", 257.6, 2321.0),
    ("gravitar", 173.0, 2672.0),
    ("hero", 1027.0, 25_763.0),
    ("ice_hockey", -11.2, 0.9),
    ("jamesbond", 29.0, 406.7),
    ("kangaroo", 52.0, 3035.0),
    ("krull", 1598.0, 2395.0),
    ("kung_fu_master", 258.5, 22_736.0),
    ("montezuma_revenge", 0.0, 4367.0),
    ("ms_pacman", 307.3, 15_693.0),
    ("name_this_game", 2292.0, 4076.0),
    ("pong", -20.7, 9.3),
    ("private_eye", 24.9, 69_571.0),
    ("qbert", 163.9, 13_455.0),
    ("riverraid", 1339.0, 13_513.0),
    ("road_runner", 11.5, 7845.0),
    ("robotank", 2.2, 11.9),
    ("seaquest", 68.4, 20_182.0),
    ("space_invaders", 148.0, 1652.0),
    ("star_gunner", 664.0, 10_250.0),
    ("tennis", -23.8, -8.9),
    ("time_pilot", 3568.0, 5925.0),
    ("tutankham", 11.4, 167.6),
    ("up_n_down", 533.4, 9082.0),
    ("venture", 0.0, 1188.0),
    ("video_pinball", 16_257.0, 17_298.0),
    ("wizard_of_wor", 563.5, 4757.0),
    ("zaxxon", 32.5, 9173.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_every_game_is_found() {
        for pair in TABLE.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
        }
        for (game, random, human) in TABLE {
            assert_eq!(Reference::of(game), Some(Reference { random, human }));
        }
        assert_eq!(Reference::of("bricks"), None);
    }

    #[test]
    fn the_papers_own_score_on_breakout_is_1327_percent() {
        let breakout = Reference::of("breakout").unwrap();
        assert_eq!(breakout.human_normalised(401.2).round(), 1327.0);
    }
}
