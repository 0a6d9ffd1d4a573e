//! Phone administration at a service: one request after the other, on the thread that asks and waits. For commands;
//! a phone that runs has its engine.

use std::path::Path;
use std::time::Duration;

use phone_core::command::SignIn;
use phone_core::entropy::Entropy;
use phone_core::event::Notice;
use phone_core::input::{HttpError, HttpResponse};
use phone_core::line::genesys::Administration;
use phone_core::output::{Asker, HttpRequest};
use tokio::runtime::{Builder, Runtime};

use crate::net::http::HttpClient;
use crate::net::tls::Trust;

/// Asks over the network.
pub struct BlockingHttp {
    runtime: Runtime,
    client: HttpClient,
}

impl Asker for BlockingHttp {
    fn ask(&mut self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.runtime.block_on(self.client.run(request))
    }

    fn pause(&mut self, wait: Duration) {
        self.runtime.block_on(async move { tokio::time::sleep(wait).await });
    }
}

impl BlockingHttp {
    /// `extra_ca`: a PEM file that is trusted beside the system's certificates.
    ///
    /// # Errors
    ///
    /// What stands in the way, with a remedy.
    pub fn new(extra_ca: Option<&Path>) -> Result<Self, Notice> {
        let trust = match extra_ca {
            Some(path) => Trust::with_file(path).map_err(|why| {
                let text = format!("{} cannot be used: {why}.", path.display());
                cannot(text, "Name a PEM file with a certificate as `ca`, or leave it out.")
            })?,
            None => Trust::system(),
        };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            cannot(format!("The network cannot be used: {error}."), "Close other programs, and do it again.")
        })?;
        Ok(Self { runtime, client: HttpClient::new(trust) })
    }
}

fn cannot(text: String, remedy: &str) -> Notice {
    Notice { id: "cannot-ask", text, remedy: remedy.to_owned() }
}

/// Signs in to phone administration. `extra_ca`: a PEM file that is trusted beside the system's certificates.
///
/// # Errors
///
/// What stands in the way, with a remedy: no token, nobody there, an answer that is none of the service.
pub fn administration(sign_in: &SignIn, extra_ca: Option<&Path>) -> Result<Administration<BlockingHttp>, Notice> {
    let http = BlockingHttp::new(extra_ca)?;
    let entropy = Entropy::from_system().map_err(|_| {
        cannot("The system gives no random numbers.".to_owned(), "Restart the computer, and do it again.")
    })?;
    Administration::open(http, sign_in, entropy)
}
