# What `spire-server federation list -output json` prints, as `spire-server federation create -data` reads it.
{
  federationRelationships: [
    .federation_relationships[]
    | {
        trustDomain: .trust_domain, bundleEndpointURL: .bundle_endpoint_url,
        bundleEndpointProfile: (if .https_spiffe then "https_spiffe" else "https_web" end),
        endpointSPIFFEID: .https_spiffe.endpoint_spiffe_id
      }
  ]
}
