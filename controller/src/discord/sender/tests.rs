//! Tests of the sender against a server that answers by script.

use bytes::Bytes;
use hyper::Method;

use super::*;
use crate::discord::call::Repeat;
use crate::discord::fake::{FakeRest, Nobody, Reply};
use crate::testing::within;

const POST: Route = Route::create_message(5);

fn sender(rest: &FakeRest) -> Sender {
    Sender::new(rest.api.clone(), &Secret::new("hush".to_owned())).unwrap()
}

fn post() -> Call {
    let body = Body::Json(Bytes::from_static(b"{\"content\":\"x\"}"));
    Call::new(
        POST,
        Method::POST,
        "channels/5/messages".to_owned(),
        body,
        Repeat::ByNonce,
    )
}

fn callback() -> Call {
    let path = "interactions/1/tok/callback?with_response=true".to_owned();
    Call::new(
        Route::callback("tok"),
        Method::POST,
        path,
        Body::None,
        Repeat::Never,
    )
}

fn ok(body: &str) -> Reply {
    Reply::Answer(200, vec![], body.to_owned())
}

fn status(status: u16, body: &str) -> Reply {
    Reply::Answer(
        status,
        vec![("x-ratelimit-bucket", "b".to_owned())],
        body.to_owned(),
    )
}

/// Headers of an answer after which the window lasts for a minute.
fn left(remaining: u32) -> Vec<(&'static str, String)> {
    vec![
        ("x-ratelimit-bucket", "b".to_owned()),
        ("x-ratelimit-limit", "5".to_owned()),
        ("x-ratelimit-remaining", remaining.to_string()),
        ("x-ratelimit-reset-after", "60".to_owned()),
    ]
}

/// True when no permit can be had now. The first poll of a permit decides.
async fn must_wait(sender: &Sender, route: &Route) -> bool {
    tokio::select! {
        biased;
        _ = sender.permit(route, Urgency::Now) => false,
        () = std::future::ready(()) => true,
    }
}

#[tokio::test]
async fn a_call_goes_out_as_it_was_made() {
    let rest = FakeRest::start(|_, _| ok(r#"{"id":"6","channel_id":"5"}"#)).await;
    let sender = sender(&rest);
    let answer = within("a call", sender.call(&post())).await.unwrap();
    assert_eq!(answer.message().unwrap().message, 6);
    within("a callback", sender.call(&callback()))
        .await
        .unwrap();
    let seen = rest.seen();
    assert_eq!(seen[0].line, "POST /api/v10/channels/5/messages HTTP/1.1");
    assert_eq!(seen[0].body, b"{\"content\":\"x\"}");
    for header in [
        "authorization: Bot hush\r\n",
        "content-type: application/json\r\n",
        "user-agent: DiscordBot (",
    ] {
        assert!(
            seen[0].head.contains(header),
            "{header} in {}",
            seen[0].head
        );
    }
    assert_eq!(
        seen[1].line,
        "POST /api/v10/interactions/1/tok/callback?with_response=true HTTP/1.1"
    );
    assert!(!seen[1].head.contains("hush"));
}

#[tokio::test]
async fn refusals_tell_code_and_words() {
    let rest = FakeRest::start(|number, _| match number {
        0 => status(
            404,
            r#"{"code":10062,"message":"Unknown\ninteraction","errors":{"x":1}}"#,
        ),
        1 => status(403, "<html>"),
        _ => status(503, ""),
    })
    .await;
    let sender = sender(&rest);
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert_eq!(error.code(), Some(10062));
    assert_eq!(
        error.to_string(),
        "do it: Discord answered 404, code 10062: Unknown\u{fffd}interaction"
    );
    assert_eq!(error.outcome(), Outcome::NotDone);
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert!(
        matches!(
            error,
            SendError::Discord {
                status: 403,
                code: 0,
                ..
            }
        ),
        "{error}"
    );
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert_eq!(rest.seen().len(), 3, "each call was made once");
}

#[tokio::test]
async fn lost_connections_leave_the_outcome_open() {
    let rest = FakeRest::start(|number, _| match number {
        0 => Reply::Cut,
        1 => Reply::CutInBody,
        _ => ok("nothing"),
    })
    .await;
    let sender = sender(&rest);
    for _ in 0..2 {
        let error = within("a call", sender.call(&post())).await.unwrap_err();
        assert!(matches!(error, SendError::Connection(_)), "{error}");
        assert_eq!(error.outcome(), Outcome::Unknown);
    }
    let answer = within("a call", sender.call(&post())).await.unwrap();
    assert_eq!(answer.message().unwrap_err().outcome(), Outcome::Unknown);
    assert_eq!(rest.seen().len(), 3, "each call was made once");
}

#[tokio::test]
async fn nobody_there_is_certainly_not_done() {
    let nobody = Nobody::there();
    let sender = Sender::new(nobody.api.clone(), &Secret::new("hush".to_owned())).unwrap();
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert!(matches!(error, SendError::Unreached(_)), "{error}");
    assert_eq!(error.outcome(), Outcome::NotDone);
}

#[tokio::test]
async fn a_callback_ends_in_time_when_discord_hangs() {
    let rest = FakeRest::start(|_, _| Reply::Hang).await;
    let error = within("a callback", sender(&rest).call(&callback()))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::Timeout(_)), "{error}");
    assert_eq!(error.outcome(), Outcome::Unknown);
}

#[tokio::test]
async fn answers_without_end_are_not_read() {
    let rest = FakeRest::start(|_, _| ok(&"x".repeat(ANSWER_BYTES_MAX + 1))).await;
    let error = within("a call", sender(&rest).call(&post()))
        .await
        .unwrap_err();
    assert!(matches!(error, SendError::TooLong), "{error}");
}

#[tokio::test]
async fn the_headers_of_a_good_answer_hold_back_the_next_call() {
    let rest = FakeRest::start(|_, _| Reply::Answer(200, left(0), "{}".to_owned())).await;
    let sender = sender(&rest);
    within("a call", sender.call(&post())).await.unwrap();
    assert!(must_wait(&sender, &POST).await);
    assert!(must_wait(&sender, &Route::create_message(5)).await);
    assert!(!must_wait(&sender, &Route::create_message(6)).await);
    assert!(!must_wait(&sender, &Route::callback("tok")).await);
}

#[tokio::test]
async fn a_429_is_told_and_not_repeated() {
    let rest = FakeRest::start(|_, _| {
        let headers = vec![
            ("x-ratelimit-scope", "user".to_owned()),
            ("retry-after", "60".to_owned()),
        ];
        Reply::Answer(
            429,
            headers,
            r#"{"message":"","retry_after":60.5,"global":false}"#.to_owned(),
        )
    })
    .await;
    let sender = sender(&rest);
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert!(
        matches!(
            error,
            SendError::RateLimited {
                retry_after_ms: 60_500,
                global: false
            }
        ),
        "{error}"
    );
    assert!(must_wait(&sender, &POST).await);
    assert_eq!(rest.seen().len(), 1);
}

#[tokio::test]
async fn a_permit_comes_when_the_limit_ends() {
    let rest = FakeRest::start(|_, _| {
        let mut headers = left(0);
        headers[3].1 = "0.3".to_owned();
        Reply::Answer(200, headers, "{}".to_owned())
    })
    .await;
    let sender = sender(&rest);
    within("a call", sender.call(&post())).await.unwrap();
    assert!(must_wait(&sender, &POST).await);
    within("the next call", sender.call(&post())).await.unwrap();
}

#[tokio::test]
async fn an_unknown_bucket_has_one_call_in_flight() {
    let rest = FakeRest::start(|_, _| ok("{}")).await;
    let sender = sender(&rest);
    let first = sender.permit(&POST, Urgency::Now).await;
    assert!(must_wait(&sender, &POST).await);
    // Polled first, the second waits; the first is given back only then.
    let (second, ()) = within("both", async {
        tokio::join!(sender.permit(&POST, Urgency::Now), async { drop(first) })
    })
    .await;
    assert!(must_wait(&sender, &POST).await);
    drop(second);
    assert!(!must_wait(&sender, &POST).await);
}

#[tokio::test]
async fn a_refused_token_is_used_once() {
    let rest =
        FakeRest::start(|_, _| status(401, r#"{"code":0,"message":"401: Unauthorized"}"#)).await;
    let sender = sender(&rest);
    for _ in 0..3 {
        let error = within("a call", sender.call(&post())).await.unwrap_err();
        assert!(matches!(error, SendError::Unauthorized), "{error}");
    }
    assert_eq!(rest.seen().len(), 1);
    // An interaction's token is another one.
    let error = within("a callback", sender.call(&callback()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Discord { status: 401, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn another_token_is_used_and_mends_a_refusal() {
    let rest = FakeRest::start(|_, seen| match seen.head.contains("Bot second") {
        true => ok("{}"),
        false => status(401, r#"{"code":0,"message":"401: Unauthorized"}"#),
    })
    .await;
    let sender = sender(&rest);
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert!(matches!(error, SendError::Unauthorized), "{error}");
    let bad = sender.renew(&Secret::new("a\r\nb".to_owned()));
    assert!(matches!(bad, Err(SenderError::Token)));
    let error = within("a call", sender.call(&post())).await.unwrap_err();
    assert!(matches!(error, SendError::Unauthorized), "{error}");
    sender.renew(&Secret::new("second".to_owned())).unwrap();
    within("a call", sender.call(&post())).await.unwrap();
    assert_eq!(
        rest.seen().len(),
        2,
        "one that cannot be used changes nothing"
    );
}

#[tokio::test]
async fn tokens_are_checked_and_never_printed() {
    let rest = FakeRest::start(|_, _| ok("{}")).await;
    let bad = Sender::new(rest.api.clone(), &Secret::new("a\r\nb".to_owned()));
    assert!(matches!(bad, Err(SenderError::Token)));
    assert!(!format!("{:?}", sender(&rest)).contains("hush"));
}

#[tokio::test]
async fn calls_go_by_tls_when_the_address_says_so() {
    // The server does not speak TLS: what arrives is a handshake, not the call with its token.
    let rest = FakeRest::start(|_, _| Reply::Cut).await;
    let api = rest
        .api
        .to_string()
        .replace("http:", "https:")
        .parse()
        .unwrap();
    let sender = Sender::new(api, &Secret::new("hush".to_owned())).unwrap();
    let error = within("a callback", sender.call(&callback()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SendError::Unreached(_) | SendError::Timeout(_)),
        "{error}"
    );
    assert!(rest.seen().is_empty());
}
