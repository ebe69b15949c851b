"""Programs in the paper's format: functions of a sentence and a tokenizer, taken out of files of such functions."""
