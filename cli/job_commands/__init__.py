"""Further commands of `mapred job`, each imported when it's used."""
