"""Programs in the paper's form: functions of a sentence and a tokenizer, taken out of files of such functions."""
