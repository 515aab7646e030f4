export { StoreKeyManager } from './store-key-manager.ts';
