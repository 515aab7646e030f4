"""A stranger's client: py-spiffe against Hauberk's Workload API. Prints one JSON line an answer.

usage: client.py SOCKET x509 | watch COUNT | jwt AUDIENCE
"""

import json
import sys
import threading

from spiffe import WorkloadApiClient


def say(**answer):
    print(json.dumps(answer), flush=True)


def x509(client):
    context = client.fetch_x509_context()
    bundles = sorted(str(name) for name in context.x509_bundle_set.bundles)
    for svid in context.x509_svids:
        say(id=str(svid.spiffe_id), chain=len(svid.cert_chain), bundles=len(bundles))


def watch(client, count):
    left = int(count)
    done = threading.Event()

    def update(context):
        nonlocal left
        say(ids=sorted(str(svid.spiffe_id) for svid in context.x509_svids))
        left -= 1
        if left == 0:
            done.set()

    def failed(error):
        say(watchError=str(error))
        done.set()

    client.stream_x509_contexts(update, failed, retry_connect=False)
    done.wait(60)


def jwt(client, audience):
    bundles = client.fetch_jwt_bundles()
    for svid in client.fetch_jwt_svids({audience, "second"}):
        offline = type(svid).parse_and_validate(
            svid.token, bundles.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain), {audience}
        )
        online = client.validate_jwt_svid(svid.token, "second")
        try:
            client.validate_jwt_svid(svid.token, "other")
            refused = False
        except Exception:
            refused = True
        say(
            id=str(svid.spiffe_id),
            offline=str(offline.spiffe_id),
            online=str(online.spiffe_id),
            refusedForOther=refused,
        )


def main(socket, verb, *arguments):
    client = WorkloadApiClient(socket_path=f"unix://{socket}")
    try:
        {"x509": x509, "watch": watch, "jwt": jwt}[verb](client, *arguments)
    except Exception as error:
        say(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
    finally:
        client.close()


main(*sys.argv[1:])
