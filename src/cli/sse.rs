//! Server-Sent Events, as far as the listener sends them: `id:` and `data:`.

/// Longest event taken, in bytes: an event holds one item of a list, a drive or a mailbox.
const LONGEST: usize = 64 << 20;

/// Reads a stream piece by piece.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// What does not make a whole line yet.
    rest: Vec<u8>,
    data: Option<String>,
    /// The `id:` of the event that is being read; it counts once the event is whole.
    id: Option<String>,
    last_id: Option<String>,
}

/// The stream holds more than is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event in the stream is longer than {LONGEST} bytes")]
pub(super) struct TooLong;

impl Parser {
    /// Takes a piece; the data of the events that it ends.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut events = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let held = self.rest.len() + self.data.as_ref().map_or(0, String::len);
            if held + part.len() > LONGEST {
                return Err(TooLong);
            }
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.rest);
                events.extend(self.line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])));
            }
        }
        Ok(events)
    }

    /// The last `id:`, from which a new stream goes on.
    pub fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Forgets what is not whole: the stream ended, and the next one tells it again.
    pub fn restart(&mut self) {
        *self = Self { last_id: self.last_id.take(), ..Self::default() };
    }

    fn line(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            self.last_id = self.id.take().or(self.last_id.take());
            return self.data.take();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => data.extend(["\n", value]),
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &str =
        "id: 1\n\n:\n\nid: 2\ndata: {\"a\":\ndata: 1}\n\nevent: x\r\nid:3\r\ndata:{}\r\n\r\nid: 9\ndata: cut";

    proptest! {
        #[test]
        fn it_does_not_matter_where_the_stream_is_cut(cuts in proptest::collection::vec(0..STREAM.len(), 0..9)) {
            let mut parser = Parser::default();
            let mut cuts = cuts;
            cuts.sort_unstable();
            cuts.push(STREAM.len());
            let mut from = 0;
            let mut events = Vec::new();
            for to in cuts {
                events.extend(parser.push(&STREAM.as_bytes()[from..to]).unwrap());
                from = to;
            }
            prop_assert_eq!(events, ["{\"a\":\n1}", "{}"]);
        }
    }

    #[test]
    fn the_place_is_kept_and_half_an_event_is_not() {
        let mut parser = Parser::default();
        parser.push(b"id: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: half").unwrap();
        assert_eq!(parser.last_id(), Some("2"));
        parser.restart();
        assert_eq!(parser.push(b"id: 3\ndata: b\n\n").unwrap(), ["b"]);
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let piece = vec![b'x'; LONGEST / 2];
        parser.push(&piece).unwrap();
        parser.push(&piece).unwrap();
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }
}
