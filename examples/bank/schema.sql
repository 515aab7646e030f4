-- Tables of both banks. Applied by the gate at each start, after the roles of gate.yaml exist; repeatable.
-- Every row has an owner (user SPIFFE ID) and a tenant; forced row-level security compares both with the signed context of the
-- transaction. No role owns a table, and none may do more than its service needs.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bank_owner') THEN
    CREATE ROLE bank_owner NOLOGIN;
  END IF;
  -- Who is no superuser may give things to an owner only as its member.
  IF NOT pg_has_role(current_user, 'bank_owner', 'USAGE') THEN
    GRANT bank_owner TO current_user;
  END IF;
END $$;
GRANT CREATE ON SCHEMA public TO bank_owner;

-- bank-a: profiles (user-service) and accounts (account-service)
CREATE TABLE IF NOT EXISTS profiles (
  owner text PRIMARY KEY,
  tenant text NOT NULL,
  name text NOT NULL,
  email text NOT NULL
);
CREATE TABLE IF NOT EXISTS accounts (
  id text PRIMARY KEY,
  owner text NOT NULL,
  tenant text NOT NULL,
  name text NOT NULL,
  currency char(3) NOT NULL DEFAULT 'EUR',
  balance_cents bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_owner ON accounts (owner);

-- bank-b: payments (payment-service) and the ledger (ledger-service)
CREATE TABLE IF NOT EXISTS payments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner text NOT NULL DEFAULT hauberk.user_id(),
  tenant text NOT NULL DEFAULT hauberk.tenant(),
  recipient text NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  reference text NOT NULL,
  txn text NOT NULL DEFAULT hauberk.txn(),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (owner, reference)
);
CREATE TABLE IF NOT EXISTS ledger_entries (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text NOT NULL DEFAULT hauberk.user_id(),
  tenant text NOT NULL DEFAULT hauberk.tenant(),
  recipient text NOT NULL,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  reference text NOT NULL,
  txn text NOT NULL DEFAULT hauberk.txn(),
  created_at timestamptz NOT NULL DEFAULT now(),
  -- A payment is written exactly once, however often it is asked for.
  UNIQUE (owner, reference)
);

-- The first rows are the owner's to write; it is bound again below, before anybody else sees the tables.
ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY;
ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY;
INSERT INTO profiles (owner, tenant, name, email) VALUES
  ('spiffe://bank-a/user/12345', 'bank-a', 'Alice', 'alice@bank-a'),
  ('spiffe://bank-a/user/67890', 'bank-a', 'Carol', 'carol@bank-a')
ON CONFLICT DO NOTHING;
INSERT INTO accounts (id, owner, tenant, name, balance_cents) VALUES
  ('a-1001', 'spiffe://bank-a/user/12345', 'bank-a', 'Current account', 184250),
  ('a-1002', 'spiffe://bank-a/user/12345', 'bank-a', 'Savings', 1250000),
  ('a-2001', 'spiffe://bank-a/user/67890', 'bank-a', 'Current account', 73110)
ON CONFLICT DO NOTHING;

DO $$ DECLARE
  held text;
BEGIN
  FOREACH held IN ARRAY ARRAY['profiles', 'accounts', 'payments', 'ledger_entries'] LOOP
    EXECUTE format('ALTER TABLE %I OWNER TO bank_owner', held);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', held);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', held);
    EXECUTE format('DROP POLICY IF EXISTS own_rows ON %I', held);
    -- The sub-selects are evaluated once a statement, not once a row.
    EXECUTE format(
      'CREATE POLICY own_rows ON %I
         USING (owner = (SELECT hauberk.user_id()) AND tenant = (SELECT hauberk.tenant()))
         WITH CHECK (owner = (SELECT hauberk.user_id()) AND tenant = (SELECT hauberk.tenant()))', held);
  END LOOP;
END $$;

GRANT SELECT ON profiles TO bank_a_users;
GRANT SELECT ON accounts TO bank_a_accounts;
GRANT SELECT, INSERT ON payments TO bank_b_payments;
GRANT SELECT, INSERT ON ledger_entries TO bank_b_ledger;
