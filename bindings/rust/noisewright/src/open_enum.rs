// SPDX-License-Identifier: Apache-2.0
//! Owns how an open C enum becomes a Rust one: unknown values survive as `Unknown`.

macro_rules! open_enum {
    ($(#[$about:meta])* $name:ident, $raw:ident, $domain:ident {
        $($(#[$of:meta])* $variant:ident = $constant:ident,)*
    }) => {
        $(#[$about])*
        ///
        /// Displays as, and parses from, the catalogue's names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$of])* $variant,)*
            /// A value that this version of the crate has no name for.
            Unknown(i32),
        }

        impl From<i32> for $name {
            fn from(value: i32) -> Self {
                match noisewright_sys::$raw(value) {
                    $(noisewright_sys::$raw::$constant => Self::$variant,)*
                    _ => Self::Unknown(value),
                }
            }
        }

        impl From<$name> for i32 {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => noisewright_sys::$raw::$constant.0,)*
                    $name::Unknown(value) => value,
                }
            }
        }

        impl $name {
            #[allow(dead_code)] // not every enum is passed to the library
            pub(crate) fn raw(self) -> noisewright_sys::$raw {
                noisewright_sys::$raw(self.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::catalog::write_name(f, crate::Domain::$domain, (*self).into())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(name: &str) -> crate::Result<Self> {
                crate::catalog::find(crate::Domain::$domain, name).map(Self::from)
            }
        }
    };
}

pub(crate) use open_enum;
