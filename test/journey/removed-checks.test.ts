import { storyFailsWithout } from './noticed.ts';
import { CHECKS } from './removed-checks.ts';

storyFailsWithout(CHECKS.filter(({ heldBy }) => heldBy !== undefined && !heldBy.includes('gate')));
