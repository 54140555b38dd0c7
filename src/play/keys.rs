//! Keys as they were struck. A key can go down and up between two refreshes of the window, for instance a quick tap on a
//! busy machine. Asking the window which keys are down would miss it.

use minifb::{InputCallback, Key, Window};
use std::cell::RefCell;
use std::rc::Rc;

/// The events of the keys since the last [`Keys::forget`].
#[derive(Clone, Default)]
pub struct Keys(Rc<RefCell<Log>>);

#[derive(Default)]
struct Log {
    held: Vec<Key>,
    struck: Vec<Key>,
    repeated: Vec<Key>,
}

impl Log {
    fn change(&mut self, key: Key, down: bool) {
        match (down, self.held.contains(&key)) {
            (true, false) => {
                self.held.push(key);
                self.struck.push(key);
            }
            (true, true) => self.repeated.push(key),
            (false, _) => self.held.retain(|&held| held != key),
        }
    }
}

impl InputCallback for Keys {
    fn add_char(&mut self, _character: u32) {}

    fn set_key_state(&mut self, key: Key, down: bool) {
        self.0.borrow_mut().change(key, down);
    }
}

impl Keys {
    /// Listens to the keys of `window`.
    pub fn of(window: &mut Window) -> Self {
        let keys = Self::default();
        window.set_input_callback(Box::new(keys.clone()));
        keys
    }

    /// To be called before the window is updated, which brings the next keys.
    pub fn forget(&self, window: &Window) {
        let mut log = self.0.borrow_mut();
        log.struck.clear();
        log.repeated.clear();
        // A window without the focus receives no releases.
        log.held.retain(|&key| window.is_key_down(key));
    }

    /// Whether one of `keys` was struck; the keyboard's repetition of a held key does not count.
    pub fn struck(&self, keys: &[Key]) -> bool {
        self.0.borrow().struck.iter().any(|key| keys.contains(key))
    }

    /// Whether `key` was struck, or repeated by the keyboard.
    pub fn struck_or_repeated(&self, key: Key) -> bool {
        let log = self.0.borrow();
        log.struck.contains(&key) || log.repeated.contains(&key)
    }

    /// Whether one of `keys` is down, or was for a moment.
    pub fn down(&self, keys: &[Key]) -> bool {
        let log = self.0.borrow();
        log.held.iter().chain(&log.struck).any(|key| keys.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quick_tap_counts_and_a_held_key_counts_once() {
        let mut keys = Keys::default();
        keys.set_key_state(Key::P, true);
        keys.set_key_state(Key::P, false);
        assert!(keys.struck(&[Key::P]) && keys.down(&[Key::P]) && !keys.struck(&[Key::N]));
        let mut keys = Keys::default();
        for _ in 0..3 {
            keys.set_key_state(Key::N, true);
        }
        let log = keys.0.borrow();
        assert_eq!((log.held.len(), log.struck.len(), log.repeated.len()), (1, 1, 2));
    }
}
