"""What the commands share: amounts as they are typed, questions, and tables."""
