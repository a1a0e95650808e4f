//! A line becomes a value, of the type that the reader asks for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Visitor};

use super::word::{Bare, is_plain, kebab};
use super::{MAX_DEPTH, Unreadable};

/// Reads what [`to_line`](super::to_line) wrote. Blanks between values may be more than one.
///
/// # Errors
/// With the column, and what was expected there.
pub fn from_line<T: DeserializeOwned>(line: &str) -> Result<T, Unreadable> {
    let mut r = Reader { line, at: 0, place: Place::Line, depth: 0 };
    let value = T::deserialize(&mut r).map_err(|e| r.placed(e, r.at))?;
    r.blanks();
    if r.at < line.len() {
        return Err(r.expected("the end of the line"));
    }
    Ok(value)
}

/// Where the next value stands.
#[derive(Clone, Copy)]
enum Place {
    /// It is the rest of the line: verbs and fields have no brackets.
    Line,
    /// Something may follow it.
    Value,
}

struct Reader<'de> {
    line: &'de str,
    /// The next byte to read, always on a character's boundary.
    at: usize,
    place: Place,
    depth: usize,
}

impl<'de> Reader<'de> {
    fn rest(&self) -> &'de str {
        &self.line[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blanks(&mut self) {
        self.at = self.line.len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn fault(&self, at: usize, why: String) -> Unreadable {
        Unreadable { line: 1, column: self.line[..at].chars().count() + 1, why }
    }

    /// Serde's own complaints (a missing field, a time that is none) know no column.
    fn placed(&self, e: Unreadable, at: usize) -> Unreadable {
        if e.column == NOWHERE { self.fault(at, e.why) } else { e }
    }

    fn expected(&self, what: &str) -> Unreadable {
        let found = match self.rest().split([' ', '\t']).next() {
            None | Some("") if self.rest().is_empty() => "the end of the line".to_string(),
            Some(word) if !word.is_empty() => format!("`{}`", word.chars().take(40).collect::<String>()),
            _ => "a blank".to_string(),
        };
        self.fault(self.at, format!("expected {what}, found {found}"))
    }

    fn expect(&mut self, c: char) -> Result<(), Unreadable> {
        if self.peek() != Some(c) {
            return Err(self.expected(&format!("`{c}`")));
        }
        self.at += c.len_utf8();
        Ok(())
    }

    /// A bare word, and where it began.
    fn word(&mut self, what: &str) -> Result<(usize, &'de str), Unreadable> {
        self.blanks();
        let rest = self.rest();
        let len = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.expected(what));
        }
        let at = self.at;
        self.at += len;
        Ok((at, &rest[..len]))
    }

    /// One of `names`, in their spelling of this crate.
    fn name(&mut self, what: &str, names: &'static [&'static str]) -> Result<&'static str, Unreadable> {
        self.blanks();
        let start = self.at;
        let found = self.word(what).ok();
        if let Some((_, word)) = found
            && let Some(name) = names.iter().find(|name| kebab(name) == word)
        {
            return Ok(name);
        }
        self.at = start;
        let known: Vec<String> = names.iter().map(|name| kebab(name)).collect();
        Err(self.expected(&format!("{what} ({})", known.join(", "))))
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<(usize, T), Unreadable> {
        let (at, word) = self.word(what)?;
        word.parse().map(|v| (at, v)).map_err(|_| {
            self.at = at;
            self.expected(what)
        })
    }

    /// The bytes of a quoted string.
    fn quoted(&mut self) -> Result<Vec<u8>, Unreadable> {
        self.expect('"')?;
        let mut bytes = Vec::new();
        loop {
            let plain = self.rest().find(['"', '\\']);
            let Some(len) = plain else {
                self.at = self.line.len();
                return Err(self.expected("a closing quote"));
            };
            bytes.extend_from_slice(&self.rest().as_bytes()[..len]);
            self.at += len;
            if self.peek() == Some('"') {
                self.at += 1;
                return Ok(bytes);
            }
            bytes.push(self.escape()?);
        }
    }

    fn escape(&mut self) -> Result<u8, Unreadable> {
        let rest = self.rest().as_bytes();
        let (byte, len) = match rest.get(1) {
            Some(b @ (b'"' | b'\\')) => (Some(*b), 2),
            Some(b'n') => (Some(b'\n'), 2),
            Some(b'r') => (Some(b'\r'), 2),
            Some(b't') => (Some(b'\t'), 2),
            Some(b'x') => (hex(rest.get(2..4)), 4),
            _ => (None, 0),
        };
        let Some(byte) = byte else {
            return Err(self.expected(r#"one of \" \\ \n \r \t \xNN"#));
        };
        self.at += len;
        Ok(byte)
    }

    /// A quoted string or a bare word.
    fn text(&mut self, what: &str) -> Result<(usize, Text<'de>), Unreadable> {
        self.blanks();
        let at = self.at;
        if self.peek() != Some('"') {
            return self.word(what).map(|(at, word)| (at, Text::Bare(word)));
        }
        let bytes = self.quoted()?;
        Ok((at, Text::Quoted(bytes)))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Unreadable>) -> Result<T, Unreadable> {
        if self.depth == MAX_DEPTH {
            return Err(self.fault(self.at, format!("more than {MAX_DEPTH} values inside each other")));
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// One value. What its own type finds wrong with it (a time that is none) is told at its begin.
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Unreadable> {
        self.blanks();
        let at = self.at;
        seed.deserialize(&mut *self).map_err(|e| self.placed(e, at))
    }

    /// What stands between two brackets, or on the rest of the line.
    fn inside<T>(
        &mut self,
        brackets: Option<(char, char)>,
        read: impl FnOnce(List<'_, 'de>) -> Result<T, Unreadable>,
    ) -> Result<T, Unreadable> {
        self.blanks();
        if let Some((open, _)) = brackets {
            self.expect(open)?;
        }
        let close = brackets.map(|(_, close)| close);
        let value = self.deeper(|r| read(List { r, close, fields: None }));
        let value = value.map_err(|e| self.placed(e, self.at))?;
        if let Some(close) = close {
            self.blanks();
            self.expect(close)?;
        }
        Ok(value)
    }

    fn fields<V: Visitor<'de>>(
        &mut self,
        brackets: Option<(char, char)>,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.inside(brackets, |list| visitor.visit_map(List { fields: Some(names), ..list }))
    }
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let [high, low] = digits? else { return None };
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

enum Text<'de> {
    Bare(&'de str),
    Quoted(Vec<u8>),
}

macro_rules! numbers {
    ($($read:ident $visit:ident $what:literal)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            let (at, v) = self.number($what)?;
            visitor.$visit(v).map_err(|e| self.placed(e, at))
        }
    )*};
}

macro_rules! same_as {
    ($as:ident: $($read:ident)*) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
            self.$as(visitor)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Unreadable;

    numbers! {
        deserialize_bool visit_bool "true or false"
        deserialize_i8 visit_i8 "a number (i8)"
        deserialize_i16 visit_i16 "a number (i16)"
        deserialize_i32 visit_i32 "a number (i32)"
        deserialize_i64 visit_i64 "a number (i64)"
        deserialize_i128 visit_i128 "a number (i128)"
        deserialize_u8 visit_u8 "a number (u8)"
        deserialize_u16 visit_u16 "a number (u16)"
        deserialize_u32 visit_u32 "a number (u32)"
        deserialize_u64 visit_u64 "a number (u64)"
        deserialize_u128 visit_u128 "a number (u128)"
        deserialize_f32 visit_f32 "a number (f32)"
        deserialize_f64 visit_f64 "a number (f64)"
    }

    same_as! { deserialize_str: deserialize_char deserialize_string deserialize_identifier }
    same_as! { deserialize_bytes: deserialize_byte_buf }
    same_as! { deserialize_any: deserialize_ignored_any }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let (at, text) = self.text("a word or a quoted text")?;
        let value = match text {
            Text::Bare(word) => visitor.visit_borrowed_str(word),
            Text::Quoted(bytes) => match String::from_utf8(bytes) {
                Ok(text) => visitor.visit_string(text),
                Err(_) => Err(self.fault(at, "expected a text, found bytes that are not UTF-8".to_string())),
            },
        };
        value.map_err(|e| self.placed(e, at))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let (at, text) = self.text("a word or quoted bytes")?;
        let value = match text {
            Text::Bare(word) => visitor.visit_borrowed_bytes(word.as_bytes()),
            Text::Quoted(bytes) => visitor.visit_byte_buf(bytes),
        };
        value.map_err(|e| self.placed(e, at))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.blanks();
        if self.peek() == Some('~') {
            self.at += 1;
            if self.peek() != Some('~') {
                return visitor.visit_none();
            }
        }
        self.deeper(|r| visitor.visit_some(r))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.blanks();
        self.expect('(')?;
        self.expect(')')?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unreadable> {
        self.deeper(|r| visitor.visit_newtype_struct(r))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.inside(Some(('[', ']')), |list| visitor.visit_seq(list))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.inside(Some(('{', '}')), |list| visitor.visit_map(list))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let brackets = match self.place {
            Place::Line => None,
            Place::Value => Some(('{', '}')),
        };
        self.fields(brackets, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let name = self.name("one of the verbs", variants)?;
        self.deeper(|r| visitor.visit_enum(Chosen { r, name }))
    }

    /// Without a wanted type, brackets and the look of a bare word decide.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        self.blanks();
        match self.peek() {
            Some('~') => return self.deserialize_option(visitor),
            Some('(') => return self.deserialize_unit(visitor),
            Some('[') => return self.deserialize_seq(visitor),
            Some('{') => return self.deserialize_map(visitor),
            Some('"') => return self.deserialize_str(visitor),
            _ => {}
        }
        let (at, word) = self.word("a value")?;
        let value = match Bare::of(word) {
            Bare::Bool(v) => visitor.visit_bool(v),
            Bare::Unsigned(v) => visitor.visit_u64(v),
            Bare::Signed(v) => visitor.visit_i64(v),
            Bare::Float(v) => visitor.visit_f64(v),
            Bare::Word => visitor.visit_borrowed_str(word),
        };
        value.map_err(|e| self.placed(e, at))
    }
}

/// Values, or keys with values, up to the closing bracket or the end of the line.
struct List<'a, 'de> {
    r: &'a mut Reader<'de>,
    close: Option<char>,
    /// The names of a struct's fields; a map has none.
    fields: Option<&'static [&'static str]>,
}

impl List<'_, '_> {
    fn is_over(&mut self) -> bool {
        self.r.place = Place::Value;
        self.r.blanks();
        self.r.peek() == self.close
    }
}

impl<'de> de::SeqAccess<'de> for List<'_, 'de> {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unreadable> {
        if self.is_over() {
            return Ok(None);
        }
        self.r.value(seed).map(Some)
    }
}

impl<'de> de::MapAccess<'de> for List<'_, 'de> {
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        if self.is_over() {
            return Ok(None);
        }
        let Some(names) = self.fields else {
            return self.r.value(seed).map(Some);
        };
        let name = self.r.name("one of the fields", names)?;
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Unreadable> {
        self.r.expect('=')?;
        self.r.place = Place::Value;
        self.r.value(seed)
    }
}

/// A variant whose name was read; what it holds comes next.
struct Chosen<'a, 'de> {
    r: &'a mut Reader<'de>,
    name: &'static str,
}

impl Chosen<'_, '_> {
    fn brackets(&self, open: char, close: char) -> Option<(char, char)> {
        match self.r.place {
            Place::Line => None,
            Place::Value => Some((open, close)),
        }
    }
}

impl<'de> de::EnumAccess<'de> for Chosen<'_, 'de> {
    type Error = Unreadable;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Unreadable> {
        let name: StrDeserializer<'_, Unreadable> = StrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Chosen<'_, 'de> {
    type Error = Unreadable;

    fn unit_variant(self) -> Result<(), Unreadable> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unreadable> {
        // `info{a=1}` needs no parentheses, and no blank may separate it: `[pong {a=1}]` are two values.
        if matches!(self.r.place, Place::Line) || self.r.peek() == Some('{') {
            return self.r.value(seed);
        }
        self.r.expect('(')?;
        let value = self.r.value(seed)?;
        self.r.blanks();
        self.r.expect(')')?;
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unreadable> {
        let brackets = self.brackets('(', ')');
        self.r.inside(brackets, |list| visitor.visit_seq(list))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        let brackets = self.brackets('{', '}');
        self.r.fields(brackets, fields, visitor)
    }
}

impl de::Error for Unreadable {
    fn custom<T: Display>(why: T) -> Self {
        Self { line: 1, column: NOWHERE, why: why.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("the field {} is missing", kebab(field)))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format_args!("the field {} is given twice", kebab(field)))
    }
}

/// A column that no text has, until the reader knows better.
const NOWHERE: usize = 0;
