//! One REST exchange as the judge gets it.

use serde_json::Value;

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// In capitals.
    pub method: &'a str,
    /// With or without `/api/v10` in front and a query behind.
    pub path: &'a str,
    /// Of the answer.
    pub status: u16,
    /// The JSON of the request; `None` when there was no body, or none to judge.
    pub request: Option<&'a Value>,
    /// The JSON of the answer; `None` when there was no body.
    pub answer: Option<&'a Value>,
}

/// The JSON in a request's body, by its content type: the body itself, or `payload_json` of a form.
///
/// `None` when there is none, or it is broken.
#[must_use]
pub fn json_body(content_type: &str, body: &[u8]) -> Option<Value> {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence {
        "application/json" => serde_json::from_slice(body).ok(),
        "multipart/form-data" => {
            let boundary = content_type.split("boundary=").nth(1)?.trim_matches('"');
            let text = String::from_utf8_lossy(body);
            let end = format!("\r\n--{boundary}");
            let part = text
                .split(&format!("--{boundary}"))
                .find(|part| part.contains("name=\"payload_json\""))?;
            let json = part.split_once("\r\n\r\n")?.1;
            let json = json.strip_suffix(&end).unwrap_or(json);
            serde_json::from_str(json.trim_end()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_found_in_bodies_and_forms() {
        let want = Some(json!({"a": 1}));
        assert_eq!(
            json_body("application/json; charset=utf-8", b"{\"a\":1}"),
            want
        );
        let form = "--B\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"x\"\r\n\r\n{}\r\n--B\r\n\
                    Content-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"a\":1}\r\n--B--\r\n";
        assert_eq!(
            json_body("multipart/form-data; boundary=B", form.as_bytes()),
            want
        );
        assert_eq!(json_body("application/json", b"{"), None);
        assert_eq!(json_body("text/plain", b"{}"), None);
    }
}
