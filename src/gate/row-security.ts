import { Fault } from '#kernel';
import type { Administrator } from './administrator.ts';

/** Relations that a workload's role may use although row-level security does not bind it there, and roles that could become another. */
const GAPS = `
  SELECT format('table %s has no forced row-level security, and %s may use it', c.oid::regclass, r.rolname) AS problem
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r
    WHERE r.rolname = ANY ($1) AND c.relkind IN ('r', 'p', 'm', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_toast%'
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
  UNION ALL
  SELECT format('view %s reads with its owner''s rights, and %s may use it', c.oid::regclass, r.rolname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN pg_roles r
    WHERE r.rolname = ANY ($1) AND c.relkind = 'v' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
  UNION ALL
  SELECT format('role %s is a member of %s', m.member::regrole, m.roleid::regrole)
    FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = ANY ($1)
  UNION ALL
  SELECT format('role %s owns %s', r.rolname, c.oid::regclass)
    FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm')`;

/** Throws `CONFIG_INVALID` with every problem; the sentence names the first. */
export async function assertRowSecurity(administrator: Administrator, roles: readonly string[]): Promise<void> {
  const gaps = await administrator.query(GAPS, [roles]);
  if (gaps.length === 0) return;
  const problems = gaps.map(({ problem }) => ({ found: String(problem), expected: 'forced row-level security' }));
  const [first] = problems;
  const sentence = `the database has ways around row-level security: ${first?.found}`;
  throw new Fault('CONFIG_INVALID', sentence, { details: { problems } });
}
