//! Cartridge images: the bytes of a ROM, the scheme recognized in them, and the translated code that all consoles with
//! this cartridge share.

#[cfg(test)]
mod shipped;

use crate::cartridge::{detect, Cartridge, CartridgeError, Scheme, LARGEST_IMAGE};
#[cfg(feature = "translate")]
use crate::translate::Translations;
use std::fmt;
use std::sync::Arc;

/// The bytes of a cartridge and the scheme recognized in them. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct CartridgeImage {
    bytes: Arc<[u8]>,
    md5: Arc<str>,
    scheme: Scheme,
    file_stem: Option<Arc<str>>,
    #[cfg(feature = "translate")]
    translations: Translations,
}

impl CartridgeImage {
    /// Recognizes `bytes`, the plain content of the ROM chips. `file_stem` is the file's name without its extension. A
    /// cartridge whose MD5 is not in the game tables can still be matched by that name.
    ///
    /// # Errors
    /// [`CartridgeError`] if `bytes` are empty, too large, of no known scheme, or of a scheme that is not emulated.
    pub fn new(bytes: &[u8], file_stem: Option<&str>) -> Result<Self, CartridgeError> {
        if bytes.is_empty() {
            return Err(CartridgeError::Empty);
        }
        if bytes.len() > LARGEST_IMAGE {
            return Err(CartridgeError::TooLarge { size: bytes.len() });
        }
        let md5 = md5_in_hexadecimal(bytes);
        let scheme = detect::scheme_of(bytes, &md5)?;
        Ok(Self::of_scheme(bytes, md5, scheme, file_stem))
    }

    pub(crate) fn of_scheme(bytes: &[u8], md5: String, scheme: Scheme, file_stem: Option<&str>) -> Self {
        let bytes = bytes.into();
        Self {
            #[cfg(feature = "translate")]
            translations: Translations::of(&bytes),
            bytes,
            md5: md5.into(),
            scheme,
            file_stem: file_stem.map(Arc::from),
        }
    }

    /// Bricks, the game that comes with this crate.
    pub fn bricks() -> Self {
        Self::new(include_bytes!("../cartridges/bricks.bin"), Some("bricks"))
            .expect("the built-in image is of a supported size, as a test makes sure")
    }

    /// The image's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// MD5 of the bytes, 32 lower-case hexadecimal digits: the key of ALE's tables.
    pub fn md5(&self) -> &str {
        &self.md5
    }

    /// MD5 of the bytes, as sixteen bytes.
    pub(crate) fn md5_bytes(&self) -> [u8; 16] {
        md5::compute(&self.bytes).0
    }

    /// A cartridge to put into a console's slot. It shares the image's bytes.
    pub(crate) fn cartridge(&self) -> Cartridge {
        Cartridge::new(Arc::clone(&self.bytes), self.scheme, &self.md5)
    }

    /// The translated parts of its code, shared by all consoles that hold this image or a clone of it.
    #[cfg(feature = "translate")]
    pub(crate) fn translations(&self) -> &Translations {
        &self.translations
    }

    /// How the cartridge switches banks.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The file's name without its extension, if the image came from a file.
    pub fn file_stem(&self) -> Option<&str> {
        self.file_stem.as_deref()
    }
}

impl fmt::Debug for CartridgeImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CartridgeImage")
            .field("scheme", &self.scheme)
            .field("size", &self.bytes.len())
            .field("md5", &self.md5)
            .field("file_stem", &self.file_stem)
            .finish()
    }
}

pub(crate) fn md5_in_hexadecimal(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_knows_its_md5_scheme_and_file_stem() {
        let image = CartridgeImage::new(&[0; 2048], Some("nothing")).unwrap();
        assert_eq!(image.md5(), "c99a74c555371a433d121f551d6c6398");
        assert_eq!(image.scheme(), Scheme::TwoK);
        assert_eq!(image.file_stem(), Some("nothing"));
        assert_eq!(image.bytes(), [0; 2048]);
        assert!(Arc::ptr_eq(&image.bytes, &image.clone().bytes));
        assert!(format!("{image:?}").len() < 200);
        assert!(format!("{:?}", image.cartridge()).len() < 200);
    }

    #[test]
    fn the_built_in_game_is_a_cartridge_without_a_circuit() {
        let bricks = CartridgeImage::bricks();
        assert!(matches!(bricks.scheme(), Scheme::TwoK | Scheme::FourK));
        assert_eq!(bricks.file_stem(), Some("bricks"));
    }

    #[test]
    fn errors_tell_what_was_found_and_what_is_supported() {
        for (bytes, told) in [
            (vec![], vec!["0 bytes"]),
            (vec![0; LARGEST_IMAGE + 1], vec!["524289 bytes", "524288"]),
            (vec![0; 5000], vec!["5000 bytes", "md5 6bf95a48f366bdf8af3a198c7b723c77"]),
            (vec![0; 8448], vec!["8448 bytes", "AR", "not emulated"]),
        ] {
            let message = CartridgeImage::new(&bytes, None).unwrap_err().to_string();
            for part in told {
                assert!(message.contains(part), "{message} does not say {part}");
            }
            assert!(message.contains("supported sizes are 2048"), "{message}");
        }
    }

    #[test]
    fn putting_a_cartridge_in_already_selects_the_start_bank() {
        let mut bytes = vec![0; 8192];
        bytes[4096 + 0xFFC] = 0x42;
        bytes[1] = 1;
        let image = CartridgeImage::new(&bytes, None).unwrap();
        assert_eq!(image.scheme(), Scheme::F8);
        assert_eq!(image.cartridge().read(0xFFFC, 0), 0x42);
    }
}
