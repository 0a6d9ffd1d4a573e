//! The vendor's own SDK in a browser and Offhook as two users of one exchange: both hear each other.

use phone_exchange::{ExchangeOptions, RunningExchange};
use phone_tests::sdk::SdkAgent;

fn exchange(options: ExchangeOptions) -> RunningExchange {
    phone_exchange::start(options).unwrap()
}

#[test]
fn the_sdk_signs_in_and_becomes_ready() {
    let exchange = exchange(ExchangeOptions::default());
    let mut agent = SdkAgent::signed_in(exchange.origin(), "ana");
    agent.wait("connected");
    agent.wait_where("station", "it.action === 'Associated'");
    agent.wait("ready");
    assert_eq!(exchange.violations(), Vec::<String>::new(), "{}", agent.story());
}
