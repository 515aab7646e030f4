// The configuration of an Envoy that takes certificate and trust from our agent by SDS: it serves mTLS itself and dials a service.
export interface EnvoyPorts {
  /** mTLS in. */
  readonly inbound: number;
  /** Plain HTTP on loopback, mTLS out to `upstream`. */
  readonly outbound: number;
  readonly upstream: number;
}

export type ApiType = 'GRPC' | 'DELTA_GRPC';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const HTTP = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';
const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Envoy's bootstrap as JSON. `peer` is the one SPIFFE ID that it accepts, in and out. */
export function bootstrap(socket: string, ports: EnvoyPorts, peer: string, apiType: ApiType): unknown {
  const secret = (name: string) => ({
    name,
    sds_config: {
      resource_api_version: 'V3',
      api_config_source: {
        api_type: apiType,
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'agent' } }],
      },
    },
  });
  const common = {
    tls_certificate_sds_secret_configs: [secret('default')],
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
      },
      validation_context_sds_secret_config: secret('ALL'),
    },
  };
  const transport = (kind: 'DownstreamTlsContext' | 'UpstreamTlsContext', rest: object) => ({
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': `${TLS}.${kind}`, common_tls_context: common, ...rest },
  });
  const direct = { direct_response: { status: 200, body: { inline_string: 'from envoy' } } };
  return {
    node: { id: 'stranger', cluster: 'stranger' },
    static_resources: {
      listeners: [
        listener(
          'inbound',
          ports.inbound,
          direct,
          transport('DownstreamTlsContext', { require_client_certificate: true }),
        ),
        listener('outbound', ports.outbound, { route: { cluster: 'service' } }),
      ],
      clusters: [
        {
          ...cluster('service', { socket_address: { address: '127.0.0.1', port_value: ports.upstream } }),
          transport_socket: transport('UpstreamTlsContext', {}),
        },
        {
          ...cluster('agent', { pipe: { path: socket } }),
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': HTTP_OPTIONS,
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}

function listener(name: string, port: number, action: object, transport?: object) {
  const route = { match: { prefix: '/' }, ...action };
  const filter = {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': HTTP,
      stat_prefix: name,
      route_config: { virtual_hosts: [{ name, domains: ['*'], routes: [route] }] },
      http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': ROUTER } }],
    },
  };
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return { name, address, filter_chains: [{ filters: [filter], transport_socket: transport }] };
}

function cluster(name: string, address: object) {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address } }] }];
  return { name, type: 'STATIC', connect_timeout: '5s', load_assignment: { cluster_name: name, endpoints } };
}
