//! A stranger's client: rust-spiffe against Hauberk's Workload API. Prints one JSON line an answer.
//! usage: client SOCKET x509 | jwt AUDIENCE
use spiffe::{JwtSvid, WorkloadApiClient};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let outcome = match args[2].as_str() {
        "x509" => x509(&args[1]).await,
        "jwt" => jwt(&args[1], &args[3]).await,
        _ => Err("no such verb".into()),
    };
    if let Err(error) = outcome {
        println!("{{\"error\":{:?}}}", format!("{error} {error:?}").replace('\'', ""));
        std::process::exit(1);
    }
}

async fn x509(socket: &str) -> Result<(), Box<dyn Error>> {
    let client = WorkloadApiClient::connect_to(format!("unix://{socket}")).await?;
    let context = client.fetch_x509_context().await?;
    for svid in context.svids() {
        println!(
            "{{\"id\":\"{}\",\"chain\":{},\"bundles\":{}}}",
            svid.spiffe_id(),
            svid.cert_chain().len(),
            context.bundle_set().len()
        );
    }
    Ok(())
}

/// Each token is checked twice: by rust-spiffe over the JWT bundles, and by asking the agent.
async fn jwt(socket: &str, audience: &str) -> Result<(), Box<dyn Error>> {
    let client = WorkloadApiClient::connect_to(format!("unix://{socket}")).await?;
    let bundles = client.fetch_jwt_bundles().await?;
    for svid in client.fetch_all_jwt_svids([audience, "second"], None).await? {
        let offline = JwtSvid::parse_and_validate(svid.token(), &bundles, &[audience])?;
        let online = client.validate_jwt_token("second", svid.token()).await?;
        let refused = client.validate_jwt_token("other", svid.token()).await.is_err();
        println!(
            "{{\"id\":\"{}\",\"offline\":\"{}\",\"online\":\"{}\",\"refusedForOther\":{}}}",
            svid.spiffe_id(),
            offline.spiffe_id(),
            online.spiffe_id(),
            refused
        );
    }
    Ok(())
}
