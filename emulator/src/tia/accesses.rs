//! Register writes and reads, and writes that are deferred.

use super::objects::{ObjectRegisters, BL, M0, M1, P0, P1, PF};
use super::{
    clock, remainder, InputPins, MissileMode, Tia, Write, LINE_CYCLES, LOG, NEVER, VBLANK_DUMP, VBLANK_ON,
    VSYNC_CLOCKS, WSYNC,
};

/// Register writes and reads.
impl Tia {
    /// Writes `value` to the register `address & $3F` at cycle `cycles`. Returns the cycle at which the CPU continues: WSYNC makes
    /// it wait, unless the access before was a write too.
    #[inline(never)]
    pub(crate) fn write(&mut self, address: u16, value: u8, cycles: u32, after_write: bool) -> u32 {
        self.settle();
        if clock(cycles) >= self.last_clock {
            self.end_frame(clock(cycles));
        }
        self.apply(address as u8 & 0x3F, value, cycles);
        if address as u8 & 0x3F == WSYNC && !after_write {
            self.wait(cycles)
        } else {
            cycles
        }
    }

    /// Defers a write that does not directly follow another write, and returns the cycle at which the CPU continues. `None` if
    /// the CPU needs to know the effect now.
    ///
    /// All writes can be deferred but the few that may end the frame. The CPU's loop then makes no call, and the
    /// deferred writes are applied together (saves 5 % of the emulator's instructions).
    #[inline(always)]
    pub(crate) fn write_later(&mut self, address: u16, value: u8, cycles: u32) -> Option<u32> {
        let register = address as u8 & 0x3F;
        if register < WSYNC || cycles >= self.later_until {
            return None;
        }
        self.log[usize::from(self.logged)] = Write { cycles, register, value };
        self.logged = self.logged.wrapping_add(1);
        if self.logged == 0 {
            self.make_writes(LOG);
        }
        Some(if register == WSYNC { self.wait(cycles) } else { cycles })
    }

    /// The cycle until which a WSYNC at cycle `cycles` makes the CPU wait: the start of the next line, or `cycles` itself if a line
    /// starts now.
    #[inline(always)]
    fn wait(&mut self, cycles: u32) -> u32 {
        let mut cycle = cycles.wrapping_sub(self.waited_until);
        if cycle >= LINE_CYCLES {
            cycle = remainder(cycle);
        }
        self.waited_until = if cycle == 0 { cycles } else { cycles.wrapping_sub(cycle).wrapping_add(LINE_CYCLES) };
        self.waited_until
    }

    /// Applies the deferred writes.
    #[inline(always)]
    pub(crate) fn settle(&mut self) {
        if self.logged > 0 {
            self.make_writes(usize::from(self.logged));
        }
    }

    /// Applies the first `number` writes of the log, which are all of them.
    #[inline(never)]
    fn make_writes(&mut self, number: usize) {
        self.logged = 0;
        for i in 0..number.min(LOG) {
            let Write { cycles, register, value } = self.log[i];
            self.apply(register, value, cycles);
        }
    }

    /// Applies a write of `value` to `register` at cycle `cycles`.
    #[inline(always)]
    fn apply(&mut self, register: u8, value: u8, cycles: u32) {
        let k = clock(cycles);
        let bit = |number: u8| value >> number & 1 != 0;
        // Two thirds of the writes change nothing visible: waits, motion registers, sound, and values that are already there.
        // Each arm passes this to `access` before it changes the register.
        match register {
            // VSYNC
            0x00 => {
                self.access(k, 0, false);
                if bit(1) {
                    self.vsync_release = k.wrapping_add(VSYNC_CLOCKS);
                } else if k >= self.vsync_release {
                    self.vsync_release = NEVER;
                    self.end_frame(k);
                }
            }
            // VBLANK
            0x01 => {
                self.access(k, 1, (value ^ self.vblank) & VBLANK_ON != 0);
                if value & !self.vblank & VBLANK_DUMP != 0 {
                    self.dump_paddles = true;
                } else if !value & self.vblank & VBLANK_DUMP != 0 {
                    self.dump_paddles = false;
                    self.dump_released_cycle = cycles;
                }
                self.vblank = value;
            }
            // NUSIZ0, NUSIZ1
            0x04 => self.set_nusiz(0, value, k),
            0x05 => self.set_nusiz(1, value, k),
            // COLUP0, COLUP1, COLUPF, COLUBK
            0x06 => {
                let color = self.color(value);
                self.access(k, 0, color != self.colors.player[0]);
                self.colors.player[0] = color;
            }
            0x07 => {
                let color = self.color(value);
                self.access(k, 0, color != self.colors.player[1]);
                self.colors.player[1] = color;
            }
            0x08 => {
                let color = self.color(value);
                self.access(k, 0, color != self.colors.playfield);
                self.colors.playfield = color;
            }
            0x09 => {
                let color = self.color(value);
                self.access(k, 0, color != self.colors.background);
                self.colors.background = color;
            }
            // CTRLPF: the reflection of a line is settled before its middle
            0x0A => {
                let restored = self.unshown[BL - M0].is_some();
                let changes =
                    value != self.registers.ctrlpf || self.registers.playfield_reflected != bit(0) || restored;
                self.access(k, 0, changes);
                if changes {
                    self.show_where_restored(BL);
                    self.registers.ctrlpf = value;
                    if self.line_clock(k) < 147 {
                        self.registers.playfield_reflected = bit(0);
                    }
                    self.objects.set(PF, self.registers.playfield_word());
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // REFP0, REFP1
            register @ (0x0B | 0x0C) => {
                let player = usize::from(register - 0x0B);
                let changes = bit(3) != self.registers.reflected[player];
                self.access(k, 1, changes);
                self.registers.reflected[player] = bit(3);
                self.objects.set(player, self.registers.player_word(player));
            }
            // PF0, PF1, PF2
            register @ 0x0D..=0x0F => {
                let playfield = self.playfield_with(register, value);
                // The delay depends on the cycle in the line, modulo four.
                let delay = [4, 5, 2, 3][(k.wrapping_sub(self.frame_start) as u32 / 3 % 4) as usize];
                let changes = playfield != self.registers.playfield;
                self.access(k, delay, changes);
                if changes {
                    self.registers.playfield = playfield;
                    self.objects.set(PF, self.registers.playfield_word());
                }
            }
            // RESP0, RESP1
            0x10 => self.reset_player(0, k),
            0x11 => self.reset_player(1, k),
            // RESM0, RESM1, RESBL
            0x12 => self.reset_narrow(M0, k),
            0x13 => self.reset_narrow(M1, k),
            0x14 => self.reset_narrow(BL, k),
            // AUDC0, AUDC1, AUDF0, AUDF1, AUDV0, AUDV1
            register @ 0x15..=0x1A => {
                self.access(k, 0, false);
                self.sound.write(register, value);
            }
            // GRP0, GRP1: each also copies the other's graphics for VDELP; only changes of the graphics shown count
            0x1B => {
                let ObjectRegisters { player_delayed: [delayed0, delayed1], graphics, old_graphics, .. } =
                    self.registers;
                let changes = (!delayed0 && value != graphics[0]) || (delayed1 && old_graphics[1] != graphics[1]);
                self.access(k, 1, changes);
                self.registers.graphics[0] = value;
                self.registers.old_graphics[1] = graphics[1];
                if changes {
                    self.objects.set(P0, self.registers.player_word(0));
                    self.objects.set(P1, self.registers.player_word(1));
                }
            }
            0x1C => {
                let ObjectRegisters { player_delayed: [delayed0, delayed1], graphics, old_graphics, .. } =
                    self.registers;
                let ObjectRegisters { ball_delayed, ball_enabled, old_ball_enabled, .. } = self.registers;
                let changes = (!delayed1 && value != graphics[1])
                    || (delayed0 && old_graphics[0] != graphics[0])
                    || (ball_delayed && old_ball_enabled != ball_enabled);
                self.access(k, 1, changes);
                self.registers.graphics[1] = value;
                self.registers.old_graphics[0] = graphics[0];
                self.registers.old_ball_enabled = ball_enabled;
                if changes {
                    self.objects.set(P0, self.registers.player_word(0));
                    self.objects.set(P1, self.registers.player_word(1));
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // ENAM0, ENAM1, ENABL
            register @ (0x1D | 0x1E) => {
                let missile = usize::from(register - 0x1D);
                let changes = bit(1) != self.registers.missile_enabled[missile];
                self.access(k, 0, changes);
                if changes {
                    self.registers.missile_enabled[missile] = bit(1);
                    self.objects.set(M0 + missile, self.registers.missile_word(missile));
                }
            }
            0x1F => {
                let changes = !self.registers.ball_delayed && bit(1) != self.registers.ball_enabled;
                self.access(k, 0, changes);
                self.registers.ball_enabled = bit(1);
                if changes {
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // HMP0, HMP1, HMM0, HMM1, HMBL
            register @ 0x20..=0x24 => {
                let object = usize::from(register - 0x20);
                let arms_star_field = object == M0 && self.arms_star_field(k, value >> 4);
                self.access(k, 0, arms_star_field);
                if arms_star_field {
                    self.star_field = Some(0);
                }
                self.motion_register[object] = value >> 4;
            }
            // VDELP0, VDELP1, VDELBL
            register @ (0x25 | 0x26) => {
                let player = usize::from(register - 0x25);
                let changes = bit(0) != self.registers.player_delayed[player];
                self.access(k, 0, changes);
                self.registers.player_delayed[player] = bit(0);
                self.objects.set(player, self.registers.player_word(player));
            }
            0x27 => {
                let changes = bit(0) != self.registers.ball_delayed;
                self.access(k, 0, changes);
                self.registers.ball_delayed = bit(0);
                self.objects.set(BL, self.registers.ball_word());
            }
            // RESMP0, RESMP1
            0x28 => self.lock_missile(0, bit(1), k),
            0x29 => self.lock_missile(1, bit(1), k),
            // HMOVE
            0x2A => self.hmove(k),
            // HMCLR
            0x2B => {
                self.access(k, 0, false);
                self.motion_register = [0; 5];
            }
            // CXCLR
            0x2C => {
                self.access(k, 0, true);
                self.collisions = 0;
                for frame in &mut self.frames {
                    frame.clear_collisions();
                }
            }
            // WSYNC ($02) is the CPU's business; RSYNC ($03) and $2D to $3F have no effect.
            _ => self.access(k, 0, false),
        }
    }

    /// NUSIZ0 or NUSIZ1, which also undo the effects of RESPx and of the star field.
    #[inline(never)]
    fn set_nusiz(&mut self, player: usize, value: u8, k: i32) {
        let set = |registers: &mut ObjectRegisters| {
            registers.nusiz[player] = value;
            registers.skip_first_copy[player] = false;
            if player == 0 {
                registers.missile0_mode = MissileMode::Normal;
            }
        };
        let restored = self.unshown[player].is_some();
        let mut after = self.registers;
        set(&mut after);
        let changes = restored
            || [player, M0 + player].into_iter().any(|object| after.word(object) != self.objects.words[object])
            || (player == 0 && self.star_field.is_some());
        self.access(k, 8, changes);
        self.show_where_restored(M0 + player);
        set(&mut self.registers);
        self.objects.set(player, self.registers.player_word(player));
        self.objects.set(M0 + player, self.registers.missile_word(player));
    }

    /// Begins every write: draws everything up to `delay` clocks after `k`, because some writes reach the pixels a
    /// little later. If the write `changes` nothing visible, drawing is deferred.
    #[inline(always)]
    pub(super) fn access(&mut self, k: i32, delay: i32, changes: bool) {
        // The width of a pending HMOVE blank depends on the next access.
        if changes || self.hmove_blank_pending {
            self.catch_up(k.wrapping_add(delay));
        } else {
            self.note_access(k.wrapping_add(delay));
        }
    }

    /// Reads the register `address & $0F`: one or two bits on top of the last byte on the data bus.
    pub(crate) fn read(&mut self, address: u16, cycles: u32, data_bus: u8, pins: &InputPins) -> u8 {
        self.settle();
        self.catch_up(clock(cycles));
        let register = usize::from(address & 0x0F);
        if register < 8 {
            self.take_collisions();
        }
        let high = match register {
            // CXM0P to CXM1FB: two latches each; CXBLPF one; CXPPMM two
            0..=5 => self.collision_bits(2 * register, 2 * register + 1),
            6 => self.collision_bits(12, 12) & 0x80,
            7 => self.collision_bits(13, 14),
            8..=11 => u8::from(self.paddle_charged(pins.resistance[register - 8], cycles)) << 7,
            12 | 13 => u8::from(!pins.grounded[register - 12]) << 7,
            _ => 0,
        };
        high | (data_bus & 0x3F)
    }

    fn collision_bits(&self, bit7: usize, bit6: usize) -> u8 {
        ((self.collisions >> bit7 & 1) << 7 | (self.collisions >> bit6 & 1) << 6) as u8
    }

    /// Whether the capacitor behind `resistance` ohm has charged since the dump transistor released it.
    fn paddle_charged(&self, resistance: i32, cycles: u32) -> bool {
        if resistance == 0 {
            return true;
        }
        if resistance == InputPins::OPEN || self.dump_paddles {
            return false;
        }
        // 10 nF and 1.19 MHz; the order of the products is ALE's and matters to the last digit.
        let needed = 1.6 * f64::from(resistance) * 0.01e-6 * 1.19e6;
        // Unsigned: a time stamp from an earlier frame makes the sum huge, and the bit stays 0.
        cycles > self.dump_released_cycle.wrapping_add(needed as u32)
    }

    fn color(&self, value: u8) -> u8 {
        (value & 0xFE) | self.color_loss()
    }

    /// The playfield bits after a write of `value` to PF0 (high nibble, drawn bit 4 first), PF1 (bit 7 first) or PF2 (bit 0
    /// first).
    fn playfield_with(&self, register: u8, value: u8) -> u32 {
        let (shift, mask, bits) = match register {
            0x0D => (0, 0xF, u32::from(value >> 4)),
            0x0E => (4, 0xFF, u32::from(value.reverse_bits())),
            _ => (12, 0xFF, u32::from(value)),
        };
        (self.registers.playfield & !(mask << shift)) | bits << shift
    }
}
