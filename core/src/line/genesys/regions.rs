//! The regions of the service. An environment that is not here works as well: hosts follow from its name.

/// One region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// What every host of it ends with.
    pub environment: &'static str,
    pub place: &'static str,
    /// Part of the world, for grouping.
    pub part: &'static str,
}

const fn region(part: &'static str, place: &'static str, environment: &'static str) -> Region {
    Region { environment, place, part }
}

/// All public regions, grouped by part of the world (source: the platform's API definitions, July 2026).
pub const REGIONS: &[Region] = &[
    region("Americas", "US East (Virginia)", "mypurecloud.com"),
    region("Americas", "US West (Oregon)", "usw2.pure.cloud"),
    region("Americas", "US East, government (Ohio)", "use2.us-gov-pure.cloud"),
    region("Americas", "Canada", "cac1.pure.cloud"),
    region("Americas", "Mexico", "mxc1.pure.cloud"),
    region("Americas", "South America (São Paulo)", "sae1.pure.cloud"),
    region("Europe", "Frankfurt", "mypurecloud.de"),
    region("Europe", "Zürich", "euc2.pure.cloud"),
    region("Europe", "Ireland", "mypurecloud.ie"),
    region("Europe", "London", "euw2.pure.cloud"),
    region("Europe", "EU sovereign (Brandenburg)", "edee1.eusc-pure.cloud"),
    region("Middle East", "UAE", "mec1.pure.cloud"),
    region("Asia Pacific", "Mumbai", "aps1.pure.cloud"),
    region("Asia Pacific", "Singapore", "apse1.pure.cloud"),
    region("Asia Pacific", "Sydney", "mypurecloud.com.au"),
    region("Asia Pacific", "Tokyo", "mypurecloud.jp"),
    region("Asia Pacific", "Seoul", "apne2.pure.cloud"),
    region("Asia Pacific", "Osaka", "apne3.pure.cloud"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::genesys::hosts::Hosts;

    #[test]
    fn row_134_regions_are_grouped_and_each_leads_to_hosts() {
        let mut parts: Vec<_> = REGIONS.iter().map(|region| region.part).collect();
        parts.dedup();
        assert_eq!(parts, ["Americas", "Europe", "Middle East", "Asia Pacific"]);
        for region in REGIONS {
            let sign_in = crate::SignIn::Token { environment: region.environment.into(), token: "t".into() };
            let hosts = Hosts::of(&sign_in).unwrap();
            assert_eq!(hosts.login, format!("https://login.{}", region.environment));
        }
    }
}
