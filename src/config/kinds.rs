//! Sections with a `kind`: which environment, which algorithm. Each kind has keys of its own.

/// Declares a section with a `kind`. A row is `Variant(Keys) = "kind", accessor, mutable accessor;`, where `Keys` is the
/// struct with its keys. The first kind is the usual one.
macro_rules! kinds {
    (
        $(#[$attribute:meta])*
        pub enum $section:ident { $($variant:ident($keys:ident) = $kind:literal, $accessor:ident, $accessor_mut:ident;)* }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $section {
            $(#[doc = concat!("`kind = \"", $kind, "\"`.")] $variant($keys),)*
        }

        impl $section {
            /// Every kind; the first is the usual one.
            pub const KINDS: &'static [&'static str] = &[$($kind),*];

            /// The kind.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// The section of this kind with the usual values; `None` if there is no such kind.
            pub fn usual(kind: &str) -> Option<Self> {
                $(if kind == $kind {
                    return Some(Self::$variant($keys::default()));
                })*
                None
            }

            $(
                #[doc = concat!("The keys of `", $kind, "`; `None` if it is of another kind.")]
                pub fn $accessor(&self) -> Option<&$keys> {
                    match self {
                        Self::$variant(keys) => Some(keys),
                        #[allow(unreachable_patterns)]
                        _ => None,
                    }
                }

                #[doc = concat!("The keys of `", $kind, "`, to be changed; `None` if it is of another kind.")]
                pub fn $accessor_mut(&mut self) -> Option<&mut $keys> {
                    match self {
                        Self::$variant(keys) => Some(keys),
                        #[allow(unreachable_patterns)]
                        _ => None,
                    }
                }
            )*

            pub(super) fn section(&self) -> &dyn Section {
                match self {
                    $(Self::$variant(keys) => keys,)*
                }
            }

            pub(super) fn section_mut(&mut self) -> &mut dyn Section {
                match self {
                    $(Self::$variant(keys) => keys,)*
                }
            }
        }
    };
}
pub(super) use kinds;
