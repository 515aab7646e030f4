# What `spire-server entry show -output json` prints, as `spire-server entry create -data` reads it. The ids of join tokens stay behind:
# Hauberk keeps the id of a token with the token.
def id: "spiffe://\(.trust_domain)\(.path)";
{
  entries: [
    .entries[]
    | select(.parent_id.path | startswith("/spire/agent/join_token/") | not)
    | {
        entry_id: .id, spiffe_id: (.spiffe_id | id), parent_id: (.parent_id | id), selectors, x509_svid_ttl, jwt_svid_ttl,
        federates_with, admin, downstream, store_svid, dns_names, hint, entryExpiry: (.expires_at | tonumber), additional_attributes
      }
  ]
}
