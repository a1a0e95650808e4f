//! A value becomes one line.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::{Display, Write as _};

use serde::{Serialize, ser};

use super::word::{push_bytes, push_name, push_text};
use super::{MAX_DEPTH, Unwritable};
use crate::Instant;

/// Writes a value as one line, by the table in [the module](super).
///
/// # Errors
/// When the type has no text form; the data of a type that has one never fails.
pub fn to_line<T: Serialize + ?Sized>(value: &T) -> Result<String, Unwritable> {
    let mut w = Writer { out: String::new(), place: Place::Line, depth: 0, none: false };
    value.serialize(&mut w)?;
    Ok(w.out)
}

/// A record's line for an event: `at 15ms connected link=…`.
///
/// An event without a text form becomes `at 15ms unwritable "why"`, which no machine reads: a recorder has nobody to
/// report to, and a record with a silent hole would replay into a different world.
pub fn event_line<T: Serialize + ?Sized>(now: Instant, event: &T) -> String {
    format!("at {now} {}", line_or_reason(event))
}

/// A record's line for a wake: `at 500ms wake`.
#[must_use]
pub fn wake_line(now: Instant) -> String {
    format!("at {now} wake")
}

/// A record's line for an action: `       > send link=…`. Without a text form: as in [`event_line`].
pub fn action_line<T: Serialize + ?Sized>(action: &T) -> String {
    format!("       > {}", line_or_reason(action))
}

fn line_or_reason<T: Serialize + ?Sized>(value: &T) -> String {
    to_line(value).unwrap_or_else(|Unwritable(why)| {
        let mut out = String::from("unwritable ");
        push_text(&mut out, &why);
        out
    })
}

/// Where the next value stands.
#[derive(Clone, Copy)]
enum Place {
    /// It is the rest of the line: verbs and fields need no brackets.
    Line,
    /// Something may follow it.
    Value,
    /// It is a map's key: scalars only.
    Key,
}

struct Writer {
    out: String,
    place: Place,
    depth: usize,
    /// The last value was a `None` that a missing field stands for. Not so inside a newtype: serde would not read a
    /// missing field of such a type as `None`.
    none: bool,
}

impl Writer {
    fn deeper(&mut self) -> Result<(), Unwritable> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Unwritable(format!("more than {MAX_DEPTH} values inside each other")));
        }
        Ok(())
    }

    fn show(&mut self, value: impl Display) -> Result<(), Unwritable> {
        write!(self.out, "{value}").map_err(|_| Unwritable("a value that cannot be displayed".to_string()))
    }

    /// Begins a list of values or fields; as the rest of a line it has no brackets.
    fn list(&mut self, open: &str, close: &'static str) -> Result<List<'_>, Unwritable> {
        self.deeper()?;
        if matches!(self.place, Place::Key) {
            return Err(Unwritable("a map's key is not a scalar".to_string()));
        }
        self.out.push_str(open);
        Ok(List { w: self, close, first: true })
    }

    /// Begins a variant with several values: `verb v1 v2` as the line, `verb(v1 v2)` inside.
    fn variant(&mut self, name: &str, open: &str, close: &'static str) -> Result<List<'_>, Unwritable> {
        push_name(&mut self.out, name)?;
        if matches!(self.place, Place::Line) {
            let mut list = self.list("", "")?;
            list.first = false;
            return Ok(list);
        }
        self.list(open, close)
    }
}

macro_rules! shown {
    ($($name:ident $ty:ty)*) => {$(
        fn $name(self, v: $ty) -> Result<(), Unwritable> {
            self.show(v)
        }
    )*};
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = List<'a>;

    shown! {
        serialize_bool bool
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64 serialize_i128 i128
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64 serialize_u128 u128
    }

    fn serialize_f32(self, v: f32) -> Result<(), Unwritable> {
        // Debug writes `1e300` and `1.0`, Display 300 digits and `1`.
        self.show(format_args!("{v:?}"))
    }

    fn serialize_f64(self, v: f64) -> Result<(), Unwritable> {
        self.show(format_args!("{v:?}"))
    }

    fn serialize_char(self, v: char) -> Result<(), Unwritable> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<(), Unwritable> {
        push_text(&mut self.out, v);
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Result<(), Unwritable> {
        push_bytes(&mut self.out, v);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        if matches!(self.place, Place::Key) {
            return Err(Unwritable("a map's key is not a scalar".to_string()));
        }
        self.none = true;
        self.out.push('~');
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        let at = self.out.len();
        self.deeper()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        if self.out[at..].starts_with('~') {
            self.out.insert(at, '~');
        }
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        self.out.push_str("()");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Unwritable> {
        push_name(&mut self.out, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unwritable> {
        self.deeper()?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        self.none = false;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        push_name(&mut self.out, variant)?;
        self.deeper()?;
        match self.place {
            Place::Key => return Err(Unwritable("a map's key is not a scalar".to_string())),
            Place::Line => {
                self.out.push(' ');
                let at = self.out.len();
                value.serialize(&mut *self)?;
                if self.out.len() == at {
                    self.out.pop();
                }
            }
            Place::Value => {
                let at = self.out.len();
                value.serialize(&mut *self)?;
                if !self.out[at..].starts_with('{') {
                    self.out.insert(at, '(');
                    self.out.push(')');
                }
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Unwritable> {
        self.list("[", "]")
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Unwritable> {
        self.list("[", "]")
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Unwritable> {
        self.list("[", "]")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Unwritable> {
        self.variant(variant, "(", ")")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Unwritable> {
        self.list("{", "}")
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Unwritable> {
        match self.place {
            Place::Line => self.list("", ""),
            Place::Value | Place::Key => self.list("{", "}"),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, Unwritable> {
        self.variant(variant, "{", "}")
    }
}

/// Values or fields, one blank between them.
struct List<'a> {
    w: &'a mut Writer,
    close: &'static str,
    first: bool,
}

impl List<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, place: Place, value: &T) -> Result<(), Unwritable> {
        self.w.place = place;
        self.w.none = false;
        value.serialize(&mut *self.w)
    }

    fn blank(&mut self) {
        if !self.first {
            self.w.out.push(' ');
        }
        self.first = false;
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.blank();
        self.value(Place::Value, value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unwritable> {
        let (before, was_first) = (self.w.out.len(), self.first);
        self.blank();
        push_name(&mut self.w.out, key)?;
        self.w.out.push('=');
        let at = self.w.out.len();
        self.value(Place::Value, value)?;
        if self.w.none && &self.w.out[at..] == "~" {
            self.w.out.truncate(before);
            self.first = was_first;
        }
        Ok(())
    }

    fn close(self) {
        self.w.depth -= 1;
        self.w.out.push_str(self.close);
    }
}

macro_rules! list {
    ($($trait:ident $method:ident($($key:ident)?) $kind:ident)*) => {$(
        impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = Unwritable;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Unwritable> {
                self.$kind($($key,)? value)
            }

            fn end(self) -> Result<(), Unwritable> {
                self.close();
                Ok(())
            }
        }
    )*};
}

list! {
    SerializeSeq serialize_element() item
    SerializeTuple serialize_element() item
    SerializeTupleStruct serialize_field() item
    SerializeTupleVariant serialize_field() item
    SerializeStruct serialize_field(key) field
    SerializeStructVariant serialize_field(key) field
}

impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        self.blank();
        self.value(Place::Key, key)?;
        self.w.out.push('=');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.value(Place::Value, value)
    }

    fn end(self) -> Result<(), Unwritable> {
        self.close();
        Ok(())
    }
}

impl ser::Error for Unwritable {
    fn custom<T: Display>(why: T) -> Self {
        Self(why.to_string())
    }
}
