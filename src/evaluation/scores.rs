//! Reference scores: what random agents, human testers and published DQNs reached.

/// Scores of one game, mean raw returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// The random agent.
    pub random: f64,
    /// The professional human games tester.
    pub human: f64,
    /// The DQN, after 200 million frames.
    pub dqn: f64,
    /// The publication, and the conditions of its games.
    pub source: &'static str,
}

/// A row: game, random, human, DQN.
type Row = (&'static str, f64, f64, f64);

/// Source of [`SHORT_GAMES`].
const SHORT_SOURCE: &str =
    "Mnih et al. 2015, Extended Data Table 2 (30 games of at most 5 minutes; random agent at 10 Hz)";
/// Source of [`LONG_GAMES`].
const LONG_SOURCE: &str =
    "Wang et al. 2016, Table 2 (games of at most 30 minutes, 108,000 frames, after up to 30 no-ops)";
/// Frames after which a game of Mnih et al. 2015 was cut off.
const SHORT_FRAMES: u32 = 18_000;

impl Reference {
    /// The scores in Mnih et al. 2015 of the game with this name (as in ALE, e.g. `space_invaders`); `None` if the
    /// paper lacks the game.
    pub fn of(game: &str) -> Option<Reference> {
        find(&SHORT_GAMES, game, SHORT_SOURCE)
    }

    /// The scores to compare with if games are cut off after this many frames: Mnih et al. 2015 up to 5 minutes, Wang et
    /// al. 2016 beyond. Games of Wang et al. lasted half an hour, so their human scores differ.
    pub fn for_games_of(game: &str, max_episode_frames: u32) -> Option<Reference> {
        if max_episode_frames <= SHORT_FRAMES {
            return Self::of(game);
        }
        find(&LONG_GAMES, game, LONG_SOURCE)
    }

    /// `score` as a percentage of the way from the random agent (0) to the human (100).
    pub fn human_normalized(&self, score: f64) -> f64 {
        100.0 * (score - self.random) / (self.human - self.random)
    }
}

fn find(table: &[Row], game: &str, source: &'static str) -> Option<Reference> {
    let at = table.binary_search_by_key(&game, |row| row.0).ok()?;
    let (_, random, human, dqn) = table[at];
    Some(Reference { random, human, dqn, source })
}

/// Scores from [`SHORT_SOURCE`], in alphabetical order.
#[rustfmt::skip]
const SHORT_GAMES: [Row; 49] = [
    ("alien", 227.8, 6875.0, 3069.0),
    ("amidar", 5.8, 1676.0, 739.5),
    ("assault", 222.4, 1496.0, 3359.0),
    ("asterix", 210.0, 8503.0, 6012.0),
    ("asteroids", 719.1, 13_157.0, 1629.0),
    ("atlantis", 12_850.0, 29_028.0, 85_641.0),
    ("bank_heist", 14.2, 734.4, 429.7),
    ("battle_zone", 2360.0, 37_800.0, 26_300.0),
    ("beam_rider", 363.9, 5775.0, 6846.0),
    ("bowling", 23.1, 154.8, 42.4),
    ("boxing", 0.1, 4.3, 71.8),
    ("breakout", 1.7, 31.8, 401.2),
    ("centipede", 2091.0, 11_963.0, 8309.0),
    ("chopper_command", 811.0, 9882.0, 6687.0),
    ("crazy_climber", 10_781.0, 35_411.0, 114_103.0),
    ("demon_attack", 152.1, 3401.0, 9711.0),
    ("double_dunk", -18.6, -15.5, -18.1),
    ("enduro", 0.0, 309.6, 301.8),
    ("fishing_derby", -91.7, 5.5, -0.8),
    ("freeway", 0.0, 29.6, 30.3),
    ("frostbite", 65.2, 4335.0, 328.3),
    ("gopher", 257.6, 2321.0, 8520.0),
    ("gravitar", 173.0, 2672.0, 306.7),
    ("hero", 1027.0, 25_763.0, 19_950.0),
    ("ice_hockey", -11.2, 0.9, -1.6),
    ("jamesbond", 29.0, 406.7, 576.7),
    ("kangaroo", 52.0, 3035.0, 6740.0),
    ("krull", 1598.0, 2395.0, 3805.0),
    ("kung_fu_master", 258.5, 22_736.0, 23_270.0),
    ("montezuma_revenge", 0.0, 4367.0, 0.0),
    ("ms_pacman", 307.3, 15_693.0, 2311.0),
    ("name_this_game", 2292.0, 4076.0, 7257.0),
    ("pong", -20.7, 9.3, 18.9),
    ("private_eye", 24.9, 69_571.0, 1788.0),
    ("qbert", 163.9, 13_455.0, 10_596.0),
    ("riverraid", 1339.0, 13_513.0, 8316.0),
    ("road_runner", 11.5, 7845.0, 18_257.0),
    ("robotank", 2.2, 11.9, 51.6),
    ("seaquest", 68.4, 20_182.0, 5286.0),
    ("space_invaders", 148.0, 1652.0, 1976.0),
    ("star_gunner", 664.0, 10_250.0, 57_997.0),
    ("tennis", -23.8, -8.9, -2.5),
    ("time_pilot", 3568.0, 5925.0, 5947.0),
    ("tutankham", 11.4, 167.6, 186.7),
    ("up_n_down", 533.4, 9082.0, 8456.0),
    ("venture", 0.0, 1188.0, 380.0),
    ("video_pinball", 16_257.0, 17_298.0, 42_684.0),
    ("wizard_of_wor", 563.5, 4757.0, 3393.0),
    ("zaxxon", 32.5, 9173.0, 4977.0),
];

/// Scores from [`LONG_SOURCE`], in alphabetical order.
#[rustfmt::skip]
const LONG_GAMES: [Row; 57] = [
    ("alien", 227.8, 7127.7, 1620.0),
    ("amidar", 5.8, 1719.5, 978.0),
    ("assault", 222.4, 742.0, 4280.4),
    ("asterix", 210.0, 8503.3, 4359.0),
    ("asteroids", 719.1, 47_388.7, 1364.5),
    ("atlantis", 12_850.0, 29_028.1, 279_987.0),
    ("bank_heist", 14.2, 753.1, 455.0),
    ("battle_zone", 2360.0, 37_187.5, 29_900.0),
    ("beam_rider", 363.9, 16_926.5, 8627.5),
    ("berzerk", 123.7, 2630.4, 585.6),
    ("bowling", 23.1, 160.7, 50.4),
    ("boxing", 0.1, 12.1, 88.0),
    ("breakout", 1.7, 30.5, 385.5),
    ("centipede", 2090.9, 12_017.0, 4657.7),
    ("chopper_command", 811.0, 7387.8, 6126.0),
    ("crazy_climber", 10_780.5, 35_829.4, 110_763.0),
    ("defender", 2874.5, 18_688.9, 23_633.0),
    ("demon_attack", 152.1, 1971.0, 12_149.4),
    ("double_dunk", -18.6, -16.4, -6.6),
    ("enduro", 0.0, 860.5, 729.0),
    ("fishing_derby", -91.7, -38.7, -4.9),
    ("freeway", 0.0, 29.6, 30.8),
    ("frostbite", 65.2, 4334.7, 797.4),
    ("gopher", 257.6, 2412.5, 8777.4),
    ("gravitar", 173.0, 3351.4, 473.0),
    ("hero", 1027.0, 30_826.4, 20_437.8),
    ("ice_hockey", -11.2, 0.9, -1.9),
    ("jamesbond", 29.0, 302.8, 768.5),
    ("kangaroo", 52.0, 3035.0, 7259.0),
    ("krull", 1598.0, 2665.5, 8422.3),
    ("kung_fu_master", 258.5, 22_736.3, 26_059.0),
    ("montezuma_revenge", 0.0, 4753.3, 0.0),
    ("ms_pacman", 307.3, 6951.6, 3085.6),
    ("name_this_game", 2292.3, 8049.0, 8207.8),
    ("phoenix", 761.4, 7242.6, 8485.2),
    ("pitfall", -229.4, 6463.7, -286.1),
    ("pong", -20.7, 14.6, 19.5),
    ("private_eye", 24.9, 69_571.3, 146.7),
    ("qbert", 163.9, 13_455.0, 13_117.3),
    ("riverraid", 1338.5, 17_118.0, 7377.6),
    ("road_runner", 11.5, 7845.0, 39_544.0),
    ("robotank", 2.2, 11.9, 63.9),
    ("seaquest", 68.4, 42_054.7, 5860.6),
    ("skiing", -17_098.1, -4336.9, -13_062.3),
    ("solaris", 1236.3, 12_326.7, 3482.8),
    ("space_invaders", 148.0, 1668.7, 1692.3),
    ("star_gunner", 664.0, 10_250.0, 54_282.0),
    ("surround", -10.0, 6.5, -5.6),
    ("tennis", -23.8, -8.3, 12.2),
    ("time_pilot", 3568.0, 5229.2, 4870.0),
    ("tutankham", 11.4, 167.6, 68.1),
    ("up_n_down", 533.4, 11_693.2, 9989.9),
    ("venture", 0.0, 1187.5, 163.0),
    ("video_pinball", 16_256.9, 17_667.9, 196_760.4),
    ("wizard_of_wor", 563.5, 4756.5, 2704.0),
    ("yars_revenge", 3092.9, 54_576.9, 18_098.9),
    ("zaxxon", 32.5, 9173.3, 5363.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_every_game_is_found() {
        for table in [SHORT_GAMES.as_slice(), LONG_GAMES.as_slice()] {
            for pair in table.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
            }
        }
        for (game, random, human, dqn) in SHORT_GAMES {
            assert_eq!(Reference::of(game), Some(Reference { random, human, dqn, source: SHORT_SOURCE }));
            assert!(Reference::for_games_of(game, 108_000).is_some(), "{game}");
        }
        assert_eq!(Reference::of("bricks"), None);
    }

    #[test]
    fn the_papers_own_score_on_breakout_is_1327_percent() {
        let breakout = Reference::of("breakout").unwrap();
        assert_eq!(breakout.human_normalized(breakout.dqn).round(), 1327.0);
    }

    #[test]
    fn games_of_half_an_hour_are_compared_with_scores_of_half_an_hour() {
        let human = |frames| Reference::for_games_of("breakout", frames).unwrap().human;
        assert_eq!((human(18_000), human(108_000)), (31.8, 30.5));
        assert!(Reference::of("skiing").is_none(), "the paper of 2015 has no Skiing");
        assert!(Reference::for_games_of("skiing", 108_000).is_some());
    }
}
