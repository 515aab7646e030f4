/**
 * What the gate makes in a database before it lets anyone in: the owner of the signing keys, and the functions that row-level
 * security reads. Repeatable. The context is `v1.<kid>.<base64 of JSON>.<hex HMAC-SHA256>`; the MAC is made of `sha256()` alone
 * (RFC 2104: H(K ⊕ opad ‖ H(K ⊕ ipad ‖ text))), so no extension is needed. `SECURITY DEFINER` lets the function read the keys,
 * `session_user` is still the caller's, and `pg_temp` stands last so that no temporary object takes a name.
 */
export const BOOTSTRAP = `
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'hauberk_owner') THEN
    CREATE ROLE hauberk_owner NOLOGIN NOINHERIT;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'hauberk_login') THEN
    CREATE ROLE hauberk_login NOLOGIN NOINHERIT;
  END IF;
  -- Who is no superuser may give things to an owner only as its member.
  IF NOT pg_catalog.pg_has_role(current_user, 'hauberk_owner', 'USAGE') THEN
    GRANT hauberk_owner TO current_user;
  END IF;
END $$;
CREATE SCHEMA IF NOT EXISTS hauberk AUTHORIZATION hauberk_owner;
REVOKE ALL ON SCHEMA hauberk FROM PUBLIC;
GRANT USAGE ON SCHEMA hauberk TO PUBLIC;

CREATE TABLE IF NOT EXISTS hauberk.context_key (
  kid text PRIMARY KEY,
  ipad bytea NOT NULL CHECK (length(ipad) = 64),
  opad bytea NOT NULL CHECK (length(opad) = 64),
  made_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE hauberk.context_key OWNER TO hauberk_owner;
REVOKE ALL ON hauberk.context_key FROM PUBLIC;

CREATE OR REPLACE FUNCTION hauberk.context() RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, hauberk, pg_temp
AS $context$
DECLARE
  given text := current_setting('hauberk.context', true);
  part text[];
  pad hauberk.context_key;
  claims jsonb;
BEGIN
  IF given IS NULL OR given = '' THEN
    RAISE NOTICE 'no user context' USING ERRCODE = 'HB010';
    RETURN NULL;
  END IF;
  part := regexp_match(given, '^v1[.]([0-9a-f]{16})[.]([A-Za-z0-9+/]+=*)[.]([0-9a-f]{64})$');
  IF part IS NULL OR length(given) > 8192 THEN
    RAISE EXCEPTION 'the user context was not signed by the gate' USING ERRCODE = 'HB001';
  END IF;
  SELECT * INTO pad FROM hauberk.context_key WHERE kid = part[1];
  -- Both sides are hashed once more, so that the time of the comparison tells nothing of the MAC.
  IF pad.kid IS NULL OR sha256(decode(part[3], 'hex')) IS DISTINCT FROM sha256(
    sha256(pad.opad || sha256(pad.ipad || convert_to('v1.' || part[1] || '.' || part[2], 'UTF8')))
  ) THEN
    RAISE EXCEPTION 'the user context was not signed by the gate' USING ERRCODE = 'HB001';
  END IF;
  claims := convert_from(decode(part[2], 'base64'), 'UTF8')::jsonb;
  IF (claims->>'pid')::int IS DISTINCT FROM pg_backend_pid()
    OR claims->>'xid' IS DISTINCT FROM pg_current_xact_id_if_assigned()::text
    OR claims->>'role' IS DISTINCT FROM session_user::text THEN
    RAISE EXCEPTION 'the user context belongs to another transaction, connection or role' USING ERRCODE = 'HB002';
  END IF;
  IF coalesce((claims->>'exp')::double precision, 0) <= extract(epoch FROM clock_timestamp()) THEN
    RAISE EXCEPTION 'the user context has expired' USING ERRCODE = 'HB003';
  END IF;
  RETURN claims;
END $context$;

CREATE OR REPLACE FUNCTION hauberk.user_id() RETURNS text LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, hauberk, pg_temp AS $$ SELECT hauberk.context()->>'user' $$;
CREATE OR REPLACE FUNCTION hauberk.tenant() RETURNS text LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, hauberk, pg_temp AS $$ SELECT hauberk.context()->>'tenant' $$;
CREATE OR REPLACE FUNCTION hauberk.txn() RETURNS text LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, hauberk, pg_temp AS $$ SELECT hauberk.context()->>'txn' $$;

ALTER FUNCTION hauberk.context() OWNER TO hauberk_owner;
ALTER FUNCTION hauberk.user_id() OWNER TO hauberk_owner;
ALTER FUNCTION hauberk.tenant() OWNER TO hauberk_owner;
ALTER FUNCTION hauberk.txn() OWNER TO hauberk_owner;
GRANT EXECUTE ON FUNCTION hauberk.context(), hauberk.user_id(), hauberk.tenant(), hauberk.txn() TO PUBLIC;
`;
