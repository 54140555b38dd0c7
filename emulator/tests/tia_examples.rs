//! The TIA's behavior (`docs/emulator.md`) in worked examples, each a cartridge that runs in the console.
//!
//! All results were observed in ale-py 0.12.1. Accesses are named by the line cycle N at which they complete. Pictures
//! are compared as runs, (first x, color): background $40, player 0 and missile 0 $1E, player 1 and missile 1 $2E,
//! playfield and ball $3E.

mod program;

use atari_emulator::{Action, Environment};
use program::*;

const BK: u8 = 0x40;
const P0: u8 = 0x1E;
const P1: u8 = 0x2E;
const PF: u8 = 0x3E;

/// Checks rows against a list of (row, runs), naming the row that is wrong.
#[track_caller]
fn assert_rows(environment: &Environment, rows: &[(usize, &[(usize, u8)])]) {
    for &(row, expected) in rows {
        assert_eq!(runs(environment, row), expected, "row {row}");
    }
}

/// Object positions.
mod positions {
    use super::*;

    #[test]
    fn a_player_is_strobed_to_3_or_3n_minus_63() {
        let mut kernel = Kernel::new().boot(GRP0, 0x80);
        for n in 0..76 {
            kernel = kernel.strobe(row(2 * n), n, RESP0);
        }
        let environment = kernel.run();
        for (n, x) in [(3, 3), (22, 3), (23, 6), (24, 9), (25, 12), (30, 27), (40, 57), (50, 87), (60, 117), (70, 147)]
        {
            assert_eq!(runs(&environment, 2 * n + 1), [(0, BK), (x, P0), (x + 1, BK)], "N = {n}");
        }
        assert_rows(&environment, &[(149, &[(0, BK), (159, P0)]), (151, &[(0, BK), (2, P0), (3, BK)])]);
        for n in 0..76 {
            let x = if n <= 22 { 3 } else { (3 * n - 63) % 160 };
            assert_eq!(spans(&environment, 2 * n + 1, P0), [(x, x)], "N = {n}");
        }
    }

    #[test]
    fn missiles_and_the_ball_are_strobed_to_2_or_3n_minus_64() {
        for (strobe, enable, color) in [(RESM0, ENAM0, P0), (RESM1, ENAM1, P1), (RESBL, ENABL, PF)] {
            let mut kernel = Kernel::new().boot(enable, 2);
            for n in 0..76 {
                kernel = kernel.strobe(row(2 * n), n, strobe);
            }
            let environment = kernel.run();
            for n in 0..76 {
                let x = if n <= 22 { 2 } else { (3 * n - 64) % 160 };
                assert_eq!(spans(&environment, 2 * n + 1, color), [(x, x)], "strobe ${strobe:02X}, N = {n}");
            }
            let xs = [3, 23, 24, 30, 40, 50, 75].map(|n| spans(&environment, 2 * n + 1, color)[0].0);
            assert_eq!(xs, [2, 5, 8, 26, 56, 86, 1]);
        }
    }

    #[test]
    fn a_double_size_player_starts_one_pixel_later() {
        let environment = Kernel::new().boot(NUSIZ0, 5).boot(GRP0, 0x81).strobe(row(10), 40, RESP0).run();
        assert_rows(&environment, &[(11, &[(0, BK), (58, P0), (60, BK), (72, P0), (74, BK)])]);
    }

    #[test]
    fn three_missiles_and_a_wide_ball() {
        let environment = Kernel::new()
            .boot(NUSIZ0, 0x26)
            .boot(ENAM0, 2)
            .boot(CTRLPF, 0x30)
            .boot(ENABL, 2)
            .strobe(row(10), 30, RESM0)
            .strobe(row(10), 40, RESBL)
            .run();
        assert_eq!(spans(&environment, 11, P0), [(26, 29), (58, 61), (90, 93)]);
        // The ball lies under the second missile.
        assert_eq!(spans(&environment, 11, PF), [(56, 57), (62, 63)]);
    }

    #[test]
    fn resmp_lets_the_missile_go_at_the_players_middle() {
        let mut kernel = Kernel::new().boot(ENAM0, 2).strobe(row(5), 40, RESP0);
        for (i, mode) in [0, 5, 7].into_iter().enumerate() {
            let at = row(10 * (i as u32 + 1));
            kernel = kernel.write(at, 10, NUSIZ0, mode).write(at, 20, RESMP0, 2).write(at + 2, 10, RESMP0, 0);
        }
        let environment = kernel.run();
        assert_eq!(spans(&environment, 11, P0), [], "hidden while it is locked");
        for (row, x) in [(13, 61), (23, 65), (33, 73)] {
            assert_eq!(spans(&environment, row, P0), [(x, x)]);
        }
    }
}

/// RESP0 in the middle of the picture, and the first copy that it leaves out.
mod first_copy {
    use super::*;

    #[test]
    fn a_strobe_suppresses_the_first_copy_for_the_rest_of_its_line() {
        let environment =
            Kernel::new().boot(NUSIZ0, 3).boot(GRP0, 0xFF).strobe(row(10), 23, RESP0).strobe(row(20), 50, RESP0).run();
        assert_eq!(spans(&environment, 10, P0), [(22, 29), (38, 45)]);
        assert_eq!(spans(&environment, 11, P0), [(6, 13), (22, 29), (38, 45)]);
        // The old copies are drawn already when the second strobe comes.
        assert_eq!(spans(&environment, 20, P0), [(6, 13), (22, 29), (38, 45), (103, 110), (119, 126)]);
        assert_eq!(spans(&environment, 21, P0), [(87, 94), (103, 110), (119, 126)]);
    }

    #[test]
    fn a_strobe_while_the_copy_is_drawn_finishes_the_old_copy_first() {
        let environment = Kernel::new().boot(GRP0, 0xFF).strobe(row(5), 40, RESP0).strobe(row(10), 42, RESP0).run();
        assert_eq!(spans(&environment, 10, P0), [(57, 64)]);
        assert_eq!(spans(&environment, 11, P0), [(63, 70)]);
    }

    #[test]
    fn a_strobe_just_before_the_copy_is_drawn_moves_it_at_once() {
        let environment = Kernel::new().boot(GRP0, 0xFF).strobe(row(5), 40, RESP0).strobe(row(10), 41, RESP0).run();
        assert_eq!(spans(&environment, 9, P0), [(57, 64)]);
        assert_eq!(spans(&environment, 10, P0), [(60, 67)]);
    }

    #[test]
    fn a_strobe_at_cycle_0_belongs_to_the_line_before() {
        for n in 0..4 {
            let environment = Kernel::new().boot(GRP0, 0xFF).strobe(row(5), 50, RESP0).strobe(row(10), n, RESP0).run();
            let same_row: &[_] = if n == 0 { &[(3, 10)] } else { &[] };
            assert_eq!(spans(&environment, 9, P0), [(87, 94)]);
            assert_eq!(spans(&environment, 10, P0), same_row, "N = {n}");
            assert_eq!(spans(&environment, 11, P0), [(3, 10)], "N = {n}");
        }
    }

    #[test]
    fn a_strobe_above_the_picture_suppresses_the_copy_in_row_0() {
        let environment = Kernel::new().boot(GRP0, 0xFF).strobe(20, 50, RESP0).strobe(row(200), 30, RESP0).run();
        assert_eq!(spans(&environment, 0, P0), []);
        assert_eq!(spans(&environment, 1, P0), [(87, 94)]);
    }
}

/// The time from a write to its effect on the picture.
mod delays {
    use super::*;

    #[test]
    fn the_background_changes_at_3n_minus_68() {
        let environment = Kernel::new().write(row(10), 30, COLUBK, 0x84).write(row(20), 30, COLUBK, BK).run();
        assert_rows(
            &environment,
            &[(9, &[(0, 0x40)]), (10, &[(0, 0x40), (22, 0x84)]), (11, &[(0, 0x84)]), (20, &[(0, 0x84), (22, 0x40)])],
        );
    }

    #[test]
    fn vblank_changes_one_pixel_later() {
        let environment = Kernel::new().write(row(10), 30, VBLANK, 2).write(row(10), 40, VBLANK, 0).run();
        assert_rows(&environment, &[(10, &[(0, BK), (23, 0), (53, BK)])]);
    }

    #[test]
    fn the_playfield_changes_at_the_next_group_of_four_pixels() {
        let both: &[_] = &[(0, 15), (80, 95)];
        let cases: [(u32, &[(usize, usize)]); 18] = [
            (3, both),
            (21, both),
            (22, both),
            (23, &[(4, 15), (80, 95)]),
            (24, &[(8, 15), (80, 95)]),
            (25, &[(12, 15), (80, 95)]),
            (26, &[(12, 15), (80, 95)]),
            (27, &[(80, 95)]),
            (28, &[(80, 95)]),
            (35, &[(80, 95)]),
            (36, &[(80, 95)]),
            (48, &[(80, 95)]),
            (49, &[(84, 95)]),
            (50, &[(84, 95)]),
            (51, &[(88, 95)]),
            (52, &[(92, 95)]),
            (60, &[]),
            (75, &[]),
        ];
        let mut kernel = Kernel::new();
        for (i, (n, _)) in cases.iter().enumerate() {
            let at = row(4 * i as u32);
            kernel = kernel.write(at, *n, PF0, 0xFF).write(at + 2, 10, PF0, 0);
        }
        let environment = kernel.run();
        for (i, (n, expected)) in cases.into_iter().enumerate() {
            assert_eq!(spans(&environment, 4 * i, PF), expected, "N = {n}");
            assert_eq!(spans(&environment, 4 * i + 1, PF), both, "N = {n}, next row");
        }
    }

    #[test]
    fn nusiz_changes_in_the_middle_of_a_copy() {
        let environment = Kernel::new()
            .boot(GRP0, 0xFF)
            .strobe(row(5), 40, RESP0)
            .write(row(10), 40, NUSIZ0, 7)
            .write(row(20), 10, NUSIZ0, 0)
            .run();
        // Normal size up to 59, quadruple size (58 to 89) from 60.
        assert_eq!(spans(&environment, 9, P0), [(57, 64)]);
        assert_eq!(spans(&environment, 10, P0), [(57, 89)]);
        assert_eq!(spans(&environment, 11, P0), [(58, 89)]);
    }

    #[test]
    fn graphics_and_reflection_change_at_3n_minus_67() {
        let environment = Kernel::new()
            .boot(NUSIZ0, 7)
            .strobe(row(5), 40, RESP0)
            .write(row(10), 45, GRP0, 0xFF)
            .write(row(12), 10, GRP0, 0x0F)
            .write(row(14), 45, REFP0, 8)
            .write(row(16), 10, GRP0, 0)
            .write(row(16), 20, REFP0, 0)
            .run();
        assert_eq!(spans(&environment, 10, P0), [(68, 89)]);
        assert_eq!(spans(&environment, 13, P0), [(74, 89)]);
        assert_eq!(spans(&environment, 14, P0), [(68, 73)]);
        assert_eq!(spans(&environment, 15, P0), [(58, 73)]);
    }

    #[test]
    fn the_reflection_of_a_line_is_settled_at_cycle_48() {
        let mut kernel = Kernel::new().boot(PF0, 0x10);
        for (at, n) in [(row(10), 48), (row(20), 49)] {
            kernel = kernel.write(at, n, CTRLPF, 1).write(at + 5, 10, CTRLPF, 0);
        }
        let environment = kernel.run();
        assert_eq!(spans(&environment, 9, PF), [(0, 3), (80, 83)]);
        assert_eq!(spans(&environment, 10, PF), [(0, 3), (156, 159)]);
        assert_eq!(spans(&environment, 20, PF), [(0, 3), (80, 83)]);
        assert_eq!(spans(&environment, 21, PF), [(0, 3), (156, 159)]);
    }

    #[test]
    fn a_late_reflection_above_the_picture_waits_for_row_1() {
        for (n, row_0) in [(60, (80, 83)), (10, (156, 159))] {
            let environment =
                Kernel::new().boot(PF0, 0x10).write(20, n, CTRLPF, 1).write(row(100), 10, CTRLPF, 0).run();
            assert_eq!(spans(&environment, 0, PF), [(0, 3), row_0], "N = {n}");
            assert_eq!(spans(&environment, 1, PF), [(0, 3), (156, 159)], "N = {n}");
        }
    }

    #[test]
    fn a_push_into_the_tia_writes_at_the_end_of_the_instruction() {
        // LDX #COLUBK, TXS, LDA #$84, PHA; then LDX #$FF, TXS.
        let push = [0xA2, COLUBK, 0x9A, 0xA9, 0x84, 0x48, 0xA2, 0xFF, 0x9A];
        let environment = Kernel::new().code(row(10), 30, &push, 9, 4).write(row(20), 30, COLUBK, BK).run();
        assert_rows(&environment, &[(10, &[(0, 0x40), (22, 0x84)]), (11, &[(0, 0x84)])]);
    }
}

/// Which object lies on top.
mod priority {
    use super::*;

    #[test]
    fn a_score_playfield_with_priority_has_score_colors_only_while_alone() {
        let alone = Kernel::new().boot(PF2, 0xFF).boot(CTRLPF, 0x06).run();
        assert_rows(&alone, &[(50, &[(0, BK), (48, P0), (80, BK), (128, P1)])]);
        let with_player = |ctrlpf| {
            Kernel::new().boot(PF2, 0xFF).boot(CTRLPF, ctrlpf).boot(GRP1, 0x80).strobe(row(5), 59, RESP1).run()
        };
        assert_rows(&with_player(0x06), &[(50, &[(0, BK), (48, PF), (80, BK), (114, P1), (115, BK), (128, PF)])]);
        assert_rows(&with_player(0x02), &[(50, &[(0, BK), (48, P0), (80, BK), (114, P1), (115, BK), (128, P1)])]);
    }

    #[test]
    fn the_left_half_of_a_score_playfield_hides_player_1() {
        let environment = Kernel::new()
            .boot(PF2, 0xFF)
            .boot(CTRLPF, 0x02)
            .boot(GRP1, 0xFF)
            .strobe(row(5), 40, RESP1)
            .strobe(row(20), 60, RESP1)
            .run();
        assert_rows(
            &environment,
            &[
                (10, &[(0, BK), (48, P0), (80, BK), (128, P1)]),
                (25, &[(0, BK), (48, P0), (80, BK), (117, P1), (125, BK), (128, P1)]),
            ],
        );
    }
}

/// HMOVE.
mod motion {
    use super::*;

    #[test]
    fn hmove_moves_and_blanks_by_the_cycle_it_comes_at() {
        // (N, HMBL, displacement)
        let cases = [
            (3, 0x70, -7),
            (3, 0x80, 8),
            (3, 0x10, -1),
            (3, 0xF0, 1),
            (10, 0x70, -2),
            (20, 0x00, 6),
            (20, 0x80, 8),
            (21, 0x70, 0),
            (40, 0x70, 0),
            (54, 0x70, 0),
            (55, 0x70, -1),
            (63, 0x70, -7),
            (63, 0x80, 0),
            (70, 0x00, -5),
            (74, 0x00, -8),
            (74, 0x70, -15),
            (74, 0x80, 0),
            (75, 0x70, -7),
        ];
        let mut kernel = Kernel::new().boot(ENABL, 2);
        for (i, (n, hmbl, _)) in cases.into_iter().enumerate() {
            let at = row(6 * i as u32);
            kernel = kernel.strobe(at, 60, RESBL).write(at + 1, 30, HMBL, hmbl).strobe(at + 2, n, HMOVE);
        }
        let environment = kernel.run();
        for (i, (n, hmbl, displacement)) in cases.into_iter().enumerate() {
            let x = (116 + displacement) as usize;
            let blanked =
                |row: usize| runs(&environment, 6 * i + row)[0] == (0, 0) && runs(&environment, 6 * i + row)[1].0 == 8;
            let case = format!("N = {n}, HMBL = ${hmbl:02X}");
            assert_eq!(spans(&environment, 6 * i + 1, PF), [(116, 116)], "{case}");
            assert_eq!(spans(&environment, 6 * i + 4, PF), [(x, x)], "{case}");
            assert_eq!([2, 3, 4].map(blanked), [n <= 20, n == 75, false], "{case}");
        }
    }

    #[test]
    fn an_hmove_above_the_picture_blanks_row_0() {
        let environment = Kernel::new().strobe(20, 3, HMOVE).run();
        assert_rows(&environment, &[(0, &[(0, 0), (8, BK)]), (1, &[(0, BK)])]);
    }

    #[test]
    fn the_star_field_wanders_missile_0_down_the_screen() {
        let environment = Kernel::new()
            .boot(ENAM0, 2)
            .write(row(5), 30, HMM0, 0x70)
            .strobe(row(9), 30, HMOVE) // ends the star field of the frame before
            .strobe(row(10), 60, RESM0)
            .strobe(row(11), 3, HMOVE)
            .write(row(11), 24, HMM0, 0x60)
            .run();
        let rows: [&[(usize, usize)]; 12] = [
            &[(109, 109)],
            &[(76, 77)],
            &[],
            &[(59, 59)],
            &[(41, 41)],
            &[(8, 9)],
            &[],
            &[(151, 151)],
            &[(133, 133)],
            &[(100, 101)],
            &[],
            &[(83, 83)],
        ];
        for (row, expected) in (11..).zip(rows) {
            assert_eq!(spans(&environment, row, P0), expected, "row {row}");
        }
    }
}

/// Collision latches, input pins and the noise of the data bus.
mod reads {
    use super::*;

    #[test]
    fn a_collision_is_seen_once_its_pixel_is_drawn() {
        for (n, expected) in [(41, 0x02), (42, 0x82)] {
            let environment = Kernel::new()
                .boot(GRP0, 0x80)
                .boot(PF0, 0xFF)
                .boot(PF1, 0xFF)
                .boot(PF2, 0xFF)
                .strobe(row(5), 40, RESP0)
                .strobe(row(10), 3, CXCLR)
                .read(row(10), n, CXP0FB, 0x90)
                .run();
            assert_eq!(ram(&environment, 0x90), expected, "N = {n}");
        }
    }

    #[test]
    fn collisions_count_under_an_hmove_blank_but_not_in_vblank_or_outside_the_window() {
        let kernel = |line: u32| {
            Kernel::new()
                .boot(GRP0, 0x80)
                .boot(PF0, 0xFF)
                .strobe(5, 10, RESP0)
                .strobe(line - 1, 70, CXCLR)
                .strobe(line, 3, HMOVE)
                .read(line, 70, CXP0FB, 0x90)
        };
        let shown = kernel(row(10)).run();
        assert_rows(&shown, &[(10, &[(0, 0), (8, PF), (16, BK), (80, PF), (96, BK)])]);
        assert_eq!(ram(&shown, 0x90), 0x82);
        let blanked = kernel(row(10)).write(row(8), 10, VBLANK, 2).write(row(12), 10, VBLANK, 0).run();
        assert_eq!(ram(&blanked, 0x90), 0x02);
        assert_eq!(ram(&kernel(12).run(), 0x90), 0x02);
    }

    #[test]
    fn undriven_bits_are_what_the_bus_carried_before() {
        let mut program = Assembler::new();
        program.label("frame").vertical_sync();
        program.put(0x80, 0x43).put(0x81, 0x2C).ldx(5).ldy(0);
        program.lda_zp(0x32).sta_zp(0x90);
        program.lda_zp(0x0F).sta_zp(0x91);
        program.lda_abs(0x2A42).sta_zp(0x92);
        program.bytes(&[0xBD, 0x41, 0x22]).sta_zp(0x93); // LDA $2241,X
        program.bytes(&[0xB5, 0x39]).sta_zp(0x94); // LDA $39,X
        program.bytes(&[0xB1, 0x80]).sta_zp(0x95); // LDA ($80),Y
        program.bytes(&[0xA1, 0x7B]).sta_zp(0x96); // LDA ($7B,X)
        program.lda_zp(0x3C).sta_zp(0x97); // INPT4
        program.lda_zp(0x38).sta_zp(0x98); // INPT0
        program.wsyncs(255).jmp("frame");
        let mut environment = program.start();
        run(&mut environment, 1);
        assert_eq!(environment.ram()[0x10..0x19], [0x32, 0x0F, 0x2A, 0x22, 0x39, 0x2C, 0x2C, 0xBC, 0x38]);
        environment.act_once(Action::Fire);
        assert_eq!(ram(&environment, 0x97), 0x3C);
    }
}

/// Frames with more or fewer than 262 lines, and frames that do not end.
mod frames {
    use super::*;

    #[test]
    fn without_vsync_a_frame_has_343_lines_of_pal() {
        let mut program = Assembler::new();
        program.label("line").wsync().inc_zp(0x80).lda_zp(0x80).sta_zp(COLUBK).jmp("line");
        let mut environment = program.start();
        assert_eq!((environment.screen().height, environment.frames_per_second()), (250, 50));
        for _ in 0..3 {
            let before = ram(&environment, 0x80);
            run(&mut environment, 1);
            assert_eq!(ram(&environment, 0x80), before.wrapping_add((343 % 256) as u8));
            // An odd number of lines: color loss.
            assert!(environment.screen().pixels.iter().all(|pixel| pixel & 1 == 1));
        }
    }

    /// Frames whose background color is their number ($80) doubled. When the test sets $81, one frame with the whole
    /// playfield lit runs `ending` from cycle 4 of row 22 with VSYNC set, and ends.
    fn now_and_then_a_short_frame(ending: impl Fn(&mut Assembler)) -> Environment {
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).stack_at(0xFF).put(0x80, 0).put(0x81, 0).put(COLUPF, PF).vertical_sync();
        program.label("frame").wsync().inc_zp(0x80); // scanline 1
        program.lda_zp(0x80).bytes(&[0x0A]).sta_zp(COLUBK); // ASL A
        program.lda_zp(0x81).bne("short");
        program.put(PF0, 0).put(PF1, 0).put(PF2, 0);
        program.wsyncs(250).vertical_sync().jmp("frame");
        program.label("short").put(0x81, 0).put(PF0, 0xFF).put(PF1, 0xFF).put(PF2, 0xFF);
        program.wsyncs(row(21) as u8 - 1).put(VSYNC, 2).wsyncs(1);
        ending(&mut program);
        program.jmp("frame");
        let mut environment = program.start();
        run(&mut environment, 5);
        environment
    }

    /// Runs the short frame and checks its screen: `row_22`, where color 1 stands for the picture of two frames before,
    /// the playfield above it and the old picture below it.
    #[track_caller]
    fn assert_short_frame(mut environment: Environment, row_22: &[(usize, u8)]) {
        set_ram(&mut environment, 0x81, 1);
        let rest = ram(&environment, 0x80).wrapping_sub(1) << 1;
        run(&mut environment, 1);
        for row in 0..22 {
            assert_eq!(runs(&environment, row), [(0, PF)], "row {row}");
        }
        let row_22: Vec<_> = row_22.iter().map(|&(x, color)| (x, if color == 1 { rest } else { color })).collect();
        assert_eq!(runs(&environment, 22), row_22);
        for row in 23..210 {
            assert_eq!(runs(&environment, row), [(0, rest)], "row {row}");
        }
    }

    #[test]
    fn a_frame_that_ends_in_the_picture_leaves_the_rest_of_two_frames_before() {
        let environment = now_and_then_a_short_frame(|program| {
            program.delay(41 - 4 - 5).put(VSYNC, 0);
        });
        // 0 to 54 are drawn, 55 is the over-run.
        assert_short_frame(environment, &[(0, PF), (56, 1)]);
    }

    #[test]
    fn an_hmove_blank_reaches_far_when_the_frame_ends_before_the_picture_does() {
        // Any access after HMOVE blanks pixels from its own clock to eight pixels into the line. An access at cycle 10,
        // clock 30, blanks the 46 pixels up to clock 76. They stay black because nothing is drawn over them.
        let environment = now_and_then_a_short_frame(|program| {
            program.sta_zp(HMOVE).sta_zp(HMP0).delay(5).put(VSYNC, 0);
        });
        assert_short_frame(environment, &[(0, 0), (46, 1)]);
    }

    #[test]
    fn an_unfinished_frame_over_runs_as_well() {
        // The last access before 25,000 instructions have run changes nothing, at cycle 41.
        for register in [COLUPF, 0x2D] {
            let environment = now_and_then_a_short_frame(|program| {
                program.delay(41 - 4 - 5).put(register, PF).ldx(107).ldy(0);
                program.label("loop").bytes(&[0x88]).bne("loop").bytes(&[0xCA]).bne("loop").put(VSYNC, 0);
            });
            assert_short_frame(environment, &[(0, PF), (56, 1)]);
        }
    }

    #[test]
    fn an_undefined_opcode_grays_what_is_left_of_the_frame() {
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).stack_at(0xFF).put(0x81, 0).vertical_sync();
        program.label("frame").wsync().put(COLUBK, 0x5E); // scanline 1
        program.wsyncs(row(50) as u8 - 1).put(COLUBK, 0x2C);
        program.wsyncs(1).lda_zp(0x81).bne("stop").wsyncs(160).vertical_sync().jmp("frame");
        program.label("stop").bytes(&[0x02]);
        let mut environment = program.start();
        run(&mut environment, 3);
        let check = |environment: &Environment, last: u8| {
            for row in 0..210 {
                let expected = match row {
                    // COLUBK is written at cycle 9 of row 50, before its first pixel.
                    0..50 => 0x5E,
                    50 => 0x2C,
                    _ => last,
                };
                assert_eq!(runs(environment, row), [(0, expected)], "row {row}");
            }
        };
        check(&environment, 0x2C);
        set_ram(&mut environment, 0x81, 1);
        for _ in 0..3 {
            run(&mut environment, 1);
            check(&environment, (0x2C & 0x0F) >> 1);
            assert!(environment.jammed());
        }
    }

    #[test]
    fn a_long_loop_without_the_tia_takes_several_frames_of_one_picture() {
        // $80 counts frames; when $81 is set, a loop of 55,000 instructions after the picture.
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).stack_at(0xFF).put(0x80, 0).put(0x81, 0).vertical_sync();
        program.label("frame").wsync().inc_zp(0x80).lda_zp(0x80).bytes(&[0x0A]).sta_zp(COLUBK);
        program.wsyncs(250).lda_zp(0x81).bne("long").vertical_sync().jmp("frame");
        program.label("long").put(0x81, 0).ldx(107).ldy(0);
        program.label("loop").bytes(&[0x88]).bne("loop").bytes(&[0xCA]).bne("loop"); // DEY, BNE, DEX, BNE
        program.sta_zp(0x2D).vertical_sync().jmp("frame");
        let mut environment = program.start();
        run(&mut environment, 3);
        let other = environment.screen().pixels[0];
        set_ram(&mut environment, 0x81, 1);
        run(&mut environment, 1);
        let stopped = environment.screen().pixels.to_vec();
        assert_eq!(stopped[0], other.wrapping_add(2));
        let number = ram(&environment, 0x80);
        for _ in 0..2 {
            run(&mut environment, 1);
            assert!(environment.screen().pixels == stopped);
            assert_eq!(ram(&environment, 0x80), number);
        }
        // The write after the loop ended that frame; the next is four lines long and shows the other buffer.
        run(&mut environment, 1);
        assert!(environment.screen().pixels.iter().all(|&pixel| pixel == other));
        assert_eq!(ram(&environment, 0x80), number);
        run(&mut environment, 1);
        assert_eq!(environment.screen().pixels[0], other.wrapping_add(4));
    }

    #[test]
    fn the_first_instruction_after_a_reset_runs_at_cycle_0_of_a_line() {
        let mut program = Assembler::new();
        program.lda(0xFF).sta_abs(TIM1T).wsync().copy(INTIM, 0x90);
        program.label("frame").vertical_sync().wsyncs(255).jmp("frame");
        // TIM1T is written at 6 and INTIM read at 80: 73 intervals and the one that passes at once.
        assert_eq!(ram(&program.start(), 0x90), 255 - 73 - 1);
    }
}

/// ALE's saved states forget where missiles and players were drawn last: a restored machine keeps drawing the missile
/// at its old place, 26. That is a defect of ALE's saved states, not of the console, and it is not copied: a clone
/// draws like the original.
#[test]
fn a_clone_draws_the_missile_where_the_original_does() {
    // RESM0 at cycle 30 or 55, once, when the test sets its flag.
    let strobe_at = |n: usize| [&vec![0xEA; (n - 8) / 2][..], &[0x85, RESM0]].concat();
    let odd = |n: usize| [&[0x24, 0x80], &vec![0xEA; (n - 11) / 2][..], &[0x85, RESM0]].concat();
    let kernel = Kernel::new().boot(ENAM0, 2).once(row(10), 0x90, &strobe_at(30)).once(row(12), 0x91, &odd(55));
    let mut environment = power_up(&{
        let mut image = kernel.image();
        // Power-on RAM is random: the program clears the flags first.
        image[0xFFC] = 0xE0;
        image[0xFFD] = 0xFF;
        image[0xFE0..0xFE9].copy_from_slice(&[0xA9, 0, 0x85, 0x90, 0x85, 0x91, 0x4C, 0x00, 0xF0]);
        image
    });
    set_ram(&mut environment, 0x90, 1);
    run(&mut environment, 2);
    assert_eq!(spans(&environment, 20, P0), [(26, 26)]);
    let mut other = environment.clone();
    set_ram(&mut environment, 0x91, 1);
    run(&mut environment, 2);
    let mut clone = environment.clone();
    run(&mut environment, 1);
    run(&mut clone, 1);
    run(&mut other, 1);
    assert_eq!(spans(&environment, 20, P0), [(101, 101)]);
    assert_eq!(spans(&clone, 20, P0), [(101, 101)]);
    assert_eq!(spans(&other, 20, P0), [(26, 26)]);
}
