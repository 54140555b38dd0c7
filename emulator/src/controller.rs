//! The controllers plugged into the console, the console's switches, and the levels they put on the chips' pins.

use crate::action::Action;
use crate::properties::Properties;
use crate::tia::InputPins;

/// The state of all controllers and switches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Controls {
    /// Joysticks of player A and B; a paddle's button is the fire of the same index.
    pub(crate) stick: [Action; 2],
    /// Paddle knobs 0 to 3, in ohm. ALE never turns 2 and 3.
    pub(crate) paddle: [i32; 4],
    /// Buttons of paddles 0 and 1.
    pub(crate) paddle_fire: [bool; 2],
    /// SELECT held.
    pub(crate) select: bool,
    /// RESET held.
    pub(crate) reset: bool,
    /// Left and right difficulty switch at A.
    pub(crate) difficulty_a: [bool; 2],
}

impl Controls {
    /// Nothing is pressed; paddles at zero resistance, as while ALE detects the television format.
    pub(crate) fn untouched(difficulty_a: bool) -> Self {
        Self {
            stick: [Action::Noop; 2],
            paddle: [0; 4],
            paddle_fire: [false; 2],
            select: false,
            reset: false,
            difficulty_a: [difficulty_a; 2],
        }
    }
}

/// The levels at the chips' pins; constant during a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    /// Both sticks' directions (and the paddles' buttons), low when pressed.
    pub(crate) swcha: u8,
    /// Console switches.
    pub(crate) swchb: u8,
    /// The levels at the TIA's input pins.
    pub(crate) pins: InputPins,
}

/// The pins of one controller jack.
struct Jack {
    /// Pins one to four: SWCHA bits, true when not pulled low.
    one_to_four: [bool; 4],
    five: i32,
    six: bool,
    nine: i32,
}

impl Ports {
    /// Joysticks that nobody touches.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        Self::new(&Controls::untouched(false), &Properties::DEFAULT)
    }

    /// The pins when `controls` are pressed on a console with these `properties`.
    pub(crate) fn new(controls: &Controls, properties: &Properties) -> Self {
        let jack = |player: usize, paddles: bool| {
            if paddles {
                Jack::paddles(controls, player, properties.swap_paddles)
            } else {
                Jack::joystick(controls.stick[player])
            }
        };
        let mut jacks = [jack(0, properties.left_paddles), jack(1, properties.right_paddles)];
        if properties.swap_ports {
            jacks.swap(0, 1);
        }
        let nibble =
            |jack: &Jack| jack.one_to_four.iter().enumerate().map(|(bit, &high)| u8::from(high) << bit).sum::<u8>();
        let [left, right] = &jacks;
        Self {
            swcha: nibble(left) << 4 | nibble(right),
            swchb: u8::from(!controls.reset)
                | u8::from(!controls.select) << 1
                | 0b0011_1100 // color, and three bits that are always set
                | u8::from(controls.difficulty_a[0]) << 6
                | u8::from(controls.difficulty_a[1]) << 7,
            pins: InputPins {
                resistance: [left.nine, left.five, right.nine, right.five],
                grounded: [!left.six, !right.six],
            },
        }
    }
}

impl Jack {
    fn joystick(stick: Action) -> Self {
        Self {
            one_to_four: [!stick.up(), !stick.down(), !stick.left(), !stick.right()],
            five: InputPins::OPEN,
            six: !stick.fire(),
            nine: InputPins::OPEN,
        }
    }

    /// The pair of paddles in jack `jack`. Pins nine and four belong to the even paddle, five and three to the odd one,
    /// unless swapped.
    fn paddles(controls: &Controls, jack: usize, swapped: bool) -> Self {
        let even = 2 * jack + usize::from(swapped);
        let odd = 2 * jack + usize::from(!swapped);
        let fire = |paddle: usize| controls.paddle_fire.get(paddle).copied().unwrap_or(false);
        Self {
            one_to_four: [true, true, !fire(odd), !fire(even)],
            five: controls.paddle[odd],
            six: true,
            nine: controls.paddle[even],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PADDLES: Properties = Properties { left_paddles: true, ..Properties::DEFAULT };

    fn with_stick(stick: Action, properties: &Properties) -> Ports {
        Ports::new(&Controls { stick: [stick, Action::Noop], ..Controls::untouched(false) }, properties)
    }

    #[test]
    fn joystick_a_is_the_high_nibble_and_pulls_its_pins_low() {
        for (action, bit) in [(Action::Up, 4), (Action::Down, 5), (Action::Left, 6), (Action::Right, 7)] {
            assert_eq!(with_stick(action, &Properties::DEFAULT).swcha, !(1u8 << bit), "{action}");
        }
        let fire = with_stick(Action::Fire, &Properties::DEFAULT);
        assert_eq!((fire.swcha, fire.pins.grounded), (0xFF, [true, false]));
    }

    #[test]
    fn swapped_ports_put_player_a_in_the_right_jack() {
        let swapped = Properties { swap_ports: true, ..Properties::DEFAULT };
        let ports = with_stick(Action::UpFire, &swapped);
        assert_eq!((ports.swcha, ports.pins.grounded), (0xFE, [false, true]));
    }

    #[test]
    fn paddle_buttons_are_direction_pins_and_knobs_are_analog_pins() {
        let controls = Controls { paddle: [100, 200, 0, 0], paddle_fire: [true, false], ..Controls::untouched(false) };
        let ports = Ports::new(&controls, &PADDLES);
        assert_eq!(ports.swcha, 0x7F);
        assert_eq!(ports.pins.resistance, [100, 200, InputPins::OPEN, InputPins::OPEN]);
        assert_eq!(ports.pins.grounded, [false, false]);
        let both = Properties { right_paddles: true, swap_paddles: true, ..PADDLES };
        let ports = Ports::new(&controls, &both);
        assert_eq!(ports.swcha, 0xBF);
        assert_eq!(ports.pins.resistance, [200, 100, 0, 0]);
    }

    #[test]
    fn console_switches_read_as_ale_reads_them() {
        let mut controls = Controls::untouched(false);
        assert_eq!(Ports::new(&controls, &PADDLES).swchb, 0x3F);
        controls.reset = true;
        assert_eq!(Ports::new(&controls, &PADDLES).swchb, 0x3E);
        controls.select = true;
        controls.difficulty_a = [true, false];
        assert_eq!(Ports::new(&controls, &PADDLES).swchb, 0x7C);
        controls.difficulty_a = [false, true];
        assert_eq!(Ports::new(&controls, &PADDLES).swchb, 0xBC);
    }
}
