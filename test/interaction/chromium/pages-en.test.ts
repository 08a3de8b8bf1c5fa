import { describePages } from './pages.ts';

describePages('en');
