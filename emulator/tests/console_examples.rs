//! Facts about the console and the environment (`docs/emulator.md`), each shown by a short program.
//!
//! The programs read buses, mirrors and the timer themselves, and leave the bytes in RAM.

mod program;

use atari_emulator::random::MersenneTwister;
use atari_emulator::{Action, CartridgeImage, Environment, Settings};
use program::*;

/// The console's default seed.
const SYSTEM_SEED: u32 = 4_753_849;

/// A program that runs `body` once a frame, at scanline 0.
fn every_frame(body: impl Fn(&mut Assembler)) -> Assembler {
    let mut program = Assembler::new();
    program.bytes(&[0xD8]).stack_at(0xFF).label("frame");
    body(&mut program);
    program.wsyncs(240).vertical_sync().wsyncs(15).jmp("frame");
    program
}

/// The byte that `body`, run once a frame, leaves at RAM $90.
fn seen(body: impl Fn(&mut Assembler)) -> u8 {
    let mut environment = every_frame(body).start();
    run(&mut environment, 1);
    ram(&environment, 0x90)
}

/// Cycles that `code` takes when it starts at line cycle 6.
fn cycles(code: impl Fn(&mut Assembler)) -> u32 {
    let left = seen(|program| {
        program.wsync().lda(0xFF).sta_abs(TIM1T);
        code(program);
        program.copy(INTIM, 0x90).put(VBLANK, 0).stack_at(0xFF);
    });
    // The timer loses one at once, and the instruction that reads INTIM takes four cycles.
    255 - u32::from(left) - 4
}

/// The byte at SWCHA with `action` on the left stick.
fn swcha(action: Action) -> u8 {
    let pressed = [action.up(), action.down(), action.left(), action.right()];
    !pressed.iter().enumerate().map(|(bit, &down)| u8::from(down) << (bit + 4)).sum::<u8>()
}

fn bricks(settings: Settings) -> Environment {
    let image = CartridgeImage::new(include_bytes!("../cartridges/bricks.bin"), None).expect("4 KiB");
    Environment::new(&image, settings)
}

/// An endless sequence of actions, the same for every call with this seed.
fn random_actions(seed: u32) -> impl Iterator<Item = Action> {
    let mut random = MersenneTwister::new(seed);
    std::iter::repeat_with(move || Action::ALL[random.draw() as usize % Action::ALL.len()])
}

#[track_caller]
fn assert_same(step: usize, one: &Environment, other: &Environment) {
    assert_eq!(one.ram(), other.ram(), "RAM at step {step}");
    let (mut one, mut other) = (one.clone(), other.clone());
    let wrong = one.screen().pixels.iter().zip(other.screen().pixels).position(|(a, b)| a != b);
    assert_eq!(wrong.map(|at| (at / 160, at % 160)), None, "first different (row, x) at step {step}");
}

/// The data bus while nothing drives it, and the order in which instructions use it.
mod bus {
    use super::*;

    #[test]
    fn a_pull_from_the_tia_sees_what_the_dummy_read_left() {
        // The dummy read of $010F gets the opcode: $68 & $3F. The pull of $0110 gets that.
        let value = seen(|program| {
            program.stack_at(0x0F).bytes(&[0x68]).stack_at(0xFF).sta_zp(0x90);
        });
        assert_eq!(value, 0x28);
    }

    #[test]
    fn an_indexed_read_sees_the_high_byte_of_its_operand_whatever_page_it_reaches() {
        let value = seen(|program| {
            program.ldx(0x60).bytes(&[0xBD, 0xF0, 0x2B]).sta_zp(0x90); // LDA $2BF0,X reads $2C50
        });
        assert_eq!(value, 0x2B);
    }

    #[test]
    fn a_pointer_at_ff_takes_its_high_byte_from_the_tia() {
        // $0100 reads $82 & $3F, so that the pointer is $0282: SWCHB.
        let indirect_y = seen(|program| {
            program.put(0xFF, 0x82).ldy(0).bytes(&[0xB1, 0xFF]).sta_zp(0x90);
        });
        let indirect_x = seen(|program| {
            program.put(0xFF, 0x82).ldx(1).bytes(&[0xA1, 0xFE]).sta_zp(0x90);
        });
        assert_eq!((indirect_y, indirect_x), (0x3F, 0x3F));
    }

    #[test]
    fn jsr_reads_its_high_operand_byte_after_the_pushes() {
        // JSR $F0A0 lies at $FD to $FF, where it pushes its own return address: $00FF. It jumps to $00A0.
        let value = seen(|program| {
            program.pointer(0x82, "back").put(0xFD, 0x20).put(0xFE, 0xA0).put(0xFF, 0xF0).put(0x90, 0);
            // At $A0: LDA #$55, STA $90, JMP ($0082).
            for (address, byte) in (0xA0..).zip([0xA9, 0x55, 0x85, 0x90, 0x6C, 0x82, 0x00]) {
                program.put(address, byte);
            }
            program.bytes(&[0x4C, 0xFD, 0x00]).label("back").stack_at(0xFF); // JMP $00FD
        });
        assert_eq!(value, 0x55);
    }

    #[test]
    fn wsync_waits_for_the_end_of_the_line() {
        let at = |delay: u32| {
            cycles(|program| {
                program.delay(delay).wsync();
            })
        };
        assert_eq!([0, 2, 66].map(at), [70, 70, 70]);
        // If it completes exactly at the end of the line, it does not wait at all; one cycle later it waits for a whole
        // line.
        assert_eq!([67, 68].map(at), [70, 146]);
    }

    #[test]
    fn wsync_waits_for_a_first_write_but_not_for_the_second_in_a_row() {
        // It starts at cycle 6, so 70 cycles are left of the line. LDX and TXS take four.
        let jsr = |sp: u8| {
            cycles(|program| {
                program.stack_at(sp).jsr("next").label("next");
            })
        };
        assert_eq!(jsr(0x02), 70, "the first push");
        assert_eq!(jsr(0x03), 4 + 6, "the second push");
        let brk = |sp: u8| {
            cycles(|program| {
                program.stack_at(sp).bytes(&[0x00, 0xEA]).label("break");
            })
        };
        assert_eq!([0x02, 0x03, 0x04].map(brk), [70, 4 + 7, 4 + 7]);
        let pha = cycles(|program| {
            program.stack_at(0x02).bytes(&[0x48]);
        });
        let inc = cycles(|program| {
            program.inc_zp(WSYNC);
        });
        assert_eq!((pha, inc), (70, 70), "INC reads before it writes");
    }

    #[test]
    fn the_tia_and_ram_answer_at_all_their_mirrors() {
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).stack_at(0xFF).label("frame");
        for (address, ram) in [(0x0090, 0xA0), (0x0190, 0xA1), (0x0490, 0xA2), (0x0D90, 0xA3), (0x2190, 0xA4)] {
            program.lda(ram).sta_abs(address).copy(0x0090, ram);
        }
        for (address, ram) in [(0x0180, 0xB0), (0x0C80, 0xB1), (0xED80, 0xB2)] {
            program.put(0x80, ram).copy(address, ram);
        }
        program.wsyncs(40);
        for (lines, address) in [0x0009, 0x0049, 0x0109, 0x0F49, 0x2C09].into_iter().enumerate() {
            program.lda(0x10 * (lines as u8 + 1)).sta_abs(address).wsyncs(10);
        }
        program.wsyncs(150).vertical_sync().wsyncs(15).jmp("frame");
        let mut environment = program.start();
        run(&mut environment, 2);
        assert_eq!(environment.ram()[0x20..0x25], [0xA0, 0xA1, 0xA2, 0xA3, 0xA4]);
        assert_eq!(environment.ram()[0x30..0x33], [0xB0, 0xB1, 0xB2]);
        let first = environment.screen().pixels.chunks(160).position(|row| row[100] == 0x20).unwrap();
        let colors: [u8; 4] = std::array::from_fn(|i| environment.screen().pixels[(first + 5 + 10 * i) * 160]);
        assert_eq!(colors, [0x20, 0x30, 0x40, 0x50]);
    }
}

/// The RIOT: ports and timer.
mod riot {
    use super::*;

    #[test]
    fn ports_are_mirrored_and_directions_do_not_change_them() {
        let mut environment = every_frame(|program| {
            program.lda(0xFF).sta_abs(0x0281).lda(0x55).sta_abs(0x0280).sta_abs(0x0282).sta_abs(0x0283);
            let reads = [SWCHA, 0x0288, 0x02F8, 0x0E80, 0x0281, 0x0289, SWCHB, 0x029A, 0x0283];
            for (address, ram) in reads.into_iter().zip(0x90..) {
                program.copy(address, ram);
            }
        })
        .start();
        environment.act_once(Action::UpLeftFire);
        let stick = swcha(Action::UpLeft);
        assert_eq!(stick, 0xAF);
        assert_eq!(environment.ram()[0x10..0x19], [stick, stick, stick, stick, 0xFF, 0xFF, 0x3F, 0x3F, 0]);
    }

    #[test]
    fn the_timer_is_written_where_a4_and_a2_are_set_and_read_at_every_mirror() {
        let environment = every_frame(|program| {
            // 100 intervals of 64 cycles, less the one that passes at once.
            let writes = [0x0296, 0x029E, 0x02B6, 0x02FE, 0x0696];
            for (address, ram) in writes.into_iter().zip(0x90..) {
                program.lda(100).sta_abs(address).copy(INTIM, ram);
            }
            program.copy(0x0286, 0xA0).copy(0x028C, 0xA1).copy(0x02FE & !0x10, 0xA2).copy(0x0285, 0xA3);
            // Without A4 the write goes to the edge detector.
            program.lda(7).sta_abs(0x0286).sta_abs(0x028E).copy(INTIM, 0xA4);
        })
        .start();
        assert_eq!(environment.ram()[0x10..0x15], [99; 5]);
        assert_eq!(environment.ram()[0x20..0x25], [99, 99, 99, 0, 99]);
    }

    #[test]
    fn the_four_timers_differ_in_their_interval() {
        const DELAYS: [u32; 8] = [0, 3, 4, 5, 59, 60, 61, 200];
        for (address, interval) in [(0x0294, 1), (0x0295, 8), (0x0296, 64), (0x0297, 1024)] {
            let environment = every_frame(|program| {
                for (delay, ram) in DELAYS.into_iter().zip(0x90..) {
                    program.lda(250).sta_abs(address).delay(delay).copy(INTIM, ram);
                }
            })
            .start();
            for (delay, ram) in DELAYS.into_iter().zip(&environment.ram()[0x10..]) {
                assert_eq!(u32::from(*ram), 250 - (delay + 3) / interval - 1, "interval {interval}, delay {delay}");
            }
        }
    }

    #[test]
    fn reading_intim_after_expiry_drops_the_flag_and_the_count_goes_on_prescaled() {
        let mut environment = every_frame(|program| {
            program.lda(2).sta_abs(TIM8T).copy(TIMINT, 0x90); // 4 cycles after the write
            program.copy(INTIM, 0x91); // 11
            program.copy(TIMINT, 0x92); // 18: expired since 17
            program.copy(TIMINT, 0x93); // 25: reading the flag does not drop it
            program.copy(INTIM, 0x94); // 32: 16 cycles late, 2 - (31 >> 3) - 16
            program.copy(TIMINT, 0x95);
            program.copy(INTIM, 0x96); // 46: 2 - (45 >> 3) - 16
        })
        .start();
        run(&mut environment, 1);
        assert_eq!(environment.ram()[0x10..0x17], [0, 0, 0x80, 0x80, 0xEF, 0, 0xED]);
    }
}

/// Power-on, resets, and programs that fail.
mod console {
    use super::*;

    #[test]
    fn power_on_ram_is_the_generators_first_128_draws() {
        let mut program = Assembler::new();
        program.label("here").jmp("here");
        let mut environment = program.start();
        let mut random = MersenneTwister::new(SYSTEM_SEED);
        let drawn: Vec<u8> = (0..128).map(|_| random.draw() as u8).collect();
        assert_eq!(environment.ram()[..], drawn);
        assert_eq!(drawn[..8], [184, 150, 192, 73, 203, 85, 200, 127]);
        assert_eq!(drawn[120..], [167, 189, 230, 247, 171, 20, 111, 192]);
        assert_eq!(drawn.iter().map(|&byte| u32::from(byte)).sum::<u32>(), 16268);
        // No reset touches RAM, and another seed gives other bytes.
        environment.reset();
        assert_eq!(environment.ram()[..], drawn);
        let settings = Settings::default().with_system_seed(1);
        assert_ne!(power_up_with(&program.image(), settings).ram()[..], drawn);
        // A program without an access to the TIA looks like PAL.
        assert_eq!(environment.screen().height, 250);
    }

    #[test]
    fn every_reset_draws_where_the_timer_starts() {
        // The first instruction reads INTIM; $80, which is 184 at power-on, is the index at which the value is stored.
        let mut program = Assembler::new();
        program.lda_abs(INTIM).inc_zp(0x80).bytes(&[0xA6, 0x80, 0x95, 0x90u8.wrapping_sub(185)]); // LDX $80, STA ..,X
        program.label("frame").vertical_sync().wsyncs(255).jmp("frame");
        let mut environment = program.start();
        for _ in 0..4 {
            environment.reset();
        }
        // Two more draws have no visible effect: 58 at power-on and 32 for a reset directly before the environment's
        // own.
        assert_eq!(environment.ram()[0x10..0x16], [51, 74, 65, 64, 78, 39].map(|start| start - 1));
    }

    #[test]
    fn an_undefined_opcode_stops_the_cpu_until_a_reset() {
        const UNDEFINED: [u8; 12] = [0x02, 0x12, 0x22, 0x32, 0x42, 0x52, 0x62, 0x72, 0x92, 0xB2, 0xD2, 0xF2];
        let mut program = Assembler::new();
        program.put(0x80, 0).put(0x81, 0).label("frame").inc_zp(0x80).lda_zp(0x81);
        for opcode in UNDEFINED {
            program.bytes(&[0xC9, opcode, 0xD0, 1, opcode]); // CMP #opcode, BNE over it
        }
        program.wsyncs(240).vertical_sync().wsyncs(15).jmp("frame");
        let mut environment = program.start();
        for opcode in UNDEFINED {
            run(&mut environment, 1);
            assert!(!environment.jammed());
            let before = environment.frame_number();
            set_ram(&mut environment, 0x81, opcode);
            run(&mut environment, 1);
            assert!(environment.jammed(), "${opcode:02X}");
            let stopped = environment.clone();
            run(&mut environment, 3);
            assert_same(0, &environment, &stopped);
            assert_eq!(environment.frame_number(), before + 4, "frames are counted all the same");
            environment.reset();
            assert!(!environment.jammed());
            assert_eq!((ram(&environment, 0x80), ram(&environment, 0x81)), (68, 0));
        }
    }

    #[test]
    fn a_frame_is_cut_off_after_25000_instructions() {
        // Three instructions in a loop, two of which count.
        let mut program = Assembler::new();
        program.label("here").inc_zp(0x80).inc_zp(0x80).jmp("here");
        let counted = |frames: u32| 25_000 * frames / 3 * 2 + (25_000 * frames % 3).min(2);
        let mut environment = program.start();
        for frames in 0..5 {
            // Sixty frames to detect the television format, then a reset, 60 + 4 + 4 frames, and the frames of this
            // test.
            let expected = 184 + counted(60) + counted(68 + frames);
            assert_eq!(ram(&environment, 0x80), expected as u8, "frame {frames}");
            assert_eq!((environment.frame_number(), environment.episode_frame_number()), (frames, frames));
            run(&mut environment, 1);
        }
    }
}

/// Episodes: resets, sticky actions, frame skip, clones.
mod environment {
    use super::*;

    /// Counts frames ($80) and frames with RESET pressed ($81) since the program was started, and notes the first of
    /// the latter ($82) and the stick ($83).
    fn counters() -> Assembler {
        let mut program = Assembler::new();
        program.bytes(&[0xD8]).put(0x80, 0).put(0x81, 0).put(0x82, 0);
        program.label("frame").inc_zp(0x80).copy(SWCHA, 0x83);
        program.lda_abs(SWCHB).bytes(&[0x29, 1]).bne("on").inc_zp(0x81); // AND #1
        program.lda_zp(0x82).bne("on").copy(0x80, 0x82);
        program.label("on").wsyncs(240).vertical_sync().wsyncs(15).jmp("frame");
        program
    }

    #[test]
    fn a_reset_is_sixty_idle_frames_and_then_eight_with_reset_pressed() {
        let mut environment = counters().start();
        for _ in 0..2 {
            assert_eq!(environment.ram()[..3], [68, 8, 61]);
            assert_eq!((environment.episode_frame_number(), environment.lives(), environment.score()), (0, 0, 0));
            run(&mut environment, 10);
            // An agent's RESET acts as NOOP.
            environment.act_once(Action::Reset);
            assert_eq!(environment.ram()[..4], [79, 8, 61, 0xFF]);
            assert_eq!(environment.episode_frame_number(), 11);
            environment.reset();
        }
        assert_eq!(environment.frame_number(), 22);
        environment.soft_reset();
        assert_eq!(environment.ram()[..2], [72, 12]);
        assert_eq!(environment.frame_number(), 22);
    }

    #[test]
    fn sticky_actions_take_two_draws_a_frame_even_when_the_episode_is_over() {
        let settings = Settings::default()
            .with_sticky_probability(0.25)
            .with_random_seed(3)
            .with_frame_skip(2)
            .with_max_episode_frames(60);
        let mut environment = power_up_with(&counters().image(), settings);
        let mut random = MersenneTwister::new(3);
        let mut remembered = Action::Noop;
        let mut repeated = 0;
        for (step, action) in random_actions(11).take(160).enumerate() {
            let over = environment.game_over();
            let before = ram(&environment, 0x83);
            environment.act(action);
            for _ in 0..2 {
                if random.draw_unit() >= 0.25 {
                    remembered = action;
                } else {
                    repeated += 1;
                }
                random.draw(); // player B's
            }
            let expected = if over { before } else { swcha(remembered) };
            assert_eq!(ram(&environment, 0x83), expected, "step {step}");
            assert_eq!(environment.game_over(), step % 40 >= 29, "step {step}");
            if step % 40 == 39 {
                environment.reset();
                remembered = Action::Noop;
            }
        }
        assert!((50..110).contains(&repeated), "{repeated} of 320 frames repeated the action before");
        assert_eq!(environment.frame_number(), 240);
    }

    #[test]
    fn a_skipped_frame_is_played_and_its_reward_counted() {
        let sticky = Settings::default().with_sticky_probability(0.25).with_random_seed(7);
        let mut by_four = bricks(sticky.clone().with_frame_skip(4));
        let mut by_one = bricks(sticky);
        let mut total = 0;
        for (step, action) in random_actions(5).take(500).enumerate() {
            let reward = by_four.act(action);
            assert_eq!(reward, (0..4).map(|_| by_one.act(action)).sum::<i32>(), "step {step}");
            assert_same(step, &by_four, &by_one);
            total += reward;
            if by_four.game_over() {
                by_four.reset();
                by_one.reset();
            }
        }
        assert!(total > 0);
        assert_eq!(by_four.frame_number(), by_one.frame_number());
    }

    #[test]
    fn a_clone_goes_on_as_the_original() {
        let mut original = bricks(Settings::default().with_sticky_probability(0.25).with_random_seed(1));
        let mut actions = random_actions(2);
        for action in actions.by_ref().take(137) {
            original.act(action);
        }
        let mut clone = original.clone();
        for (step, action) in actions.take(2000).enumerate() {
            assert_eq!(original.act(action), clone.act(action), "step {step}");
            assert_same(step, &original, &clone);
            assert_eq!(original.lives(), clone.lives());
            if original.game_over() {
                original.reset();
                clone.reset();
            }
        }
    }

    #[test]
    fn bricks_starts_every_episode_the_same() {
        let mut environment = bricks(Settings::default());
        let first = environment.clone();
        for action in random_actions(3).take(300) {
            environment.act_once(action);
        }
        environment.reset();
        let mut fresh = first;
        for (step, action) in random_actions(4).take(200).enumerate() {
            assert_same(step, &environment, &fresh);
            environment.act_once(action);
            fresh.act_once(action);
        }
    }

    #[test]
    fn rewards_are_clamped_to_their_range() {
        let mut clamped = bricks(Settings::default().with_frame_skip(60).with_reward_range((0, 1)));
        let mut free = bricks(Settings::default().with_frame_skip(60));
        let mut most = 0;
        for action in random_actions(9).take(40) {
            let reward = free.act(action);
            most = most.max(reward);
            assert_eq!(clamped.act(action), reward.clamp(0, 1));
        }
        assert!(most > 1, "the best of forty acts brought {most}");
    }
}

/// ALE waits for ever until such a cartridge shows the mode wanted.
#[test]
fn a_foreign_cartridge_under_a_games_name_is_reset_in_the_last_mode_too() {
    let drawing = every_frame(|_| ()).image();
    // JMP to itself: no frame ever ends.
    let mut endless = vec![0xEA; 4096];
    endless[..3].copy_from_slice(&[0x4C, 0x00, 0xF0]);
    endless[0xFFC..].copy_from_slice(&[0x00, 0xF0, 0x00, 0xF0]);
    for bytes in [drawing, endless] {
        for name in ["adventure", "double_dunk", "video_cube", "turmoil", "air_raid"] {
            let image = CartridgeImage::new(&bytes, Some(name)).unwrap();
            let mut environment = Environment::new(&image, Settings::default());
            let mode = environment.available_modes().last().copied().unwrap();
            environment.set_mode(mode).unwrap();
            environment.reset();
            assert_eq!(environment.mode(), mode, "{name}");
        }
    }
}
